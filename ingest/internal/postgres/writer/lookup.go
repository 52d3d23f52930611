package writer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"ingot/internal/event"
)

// lookUpQuery finds which of the keys do not exist. Nearly all keys that are asked for exist, so it returns hardly any
// rows. The arrays are unnested in the SELECT list, so that Postgres materializes them nowhere (docs/decisions/0019).
const lookUpQuery = `
SELECT k.i::bigint FROM (SELECT unnest($1::text[]) AS event_id, unnest($2::text[]) AS topic, generate_series(1, cardinality($1::text[])) AS i) AS k
WHERE NOT EXISTS (SELECT FROM ingot.events AS e WHERE e.event_id = k.event_id COLLATE "C" AND e.topic = k.topic COLLATE "C")`

// keys are keys to look up, with the places of their events in the batch (arrival order).
type keys struct {
	ids, topics []string
	positions   []int
}

// keysToLookUp lists the suspects, or all events.
func keysToLookUp(b *batch, all bool) (k keys) {
	if b.Suspects == nil && !all {
		return k
	}
	n := b.received
	if !all {
		n = b.suspected()
	}
	k = keys{make([]string, 0, n), make([]string, 0, n), make([]int, 0, n)}
	for at, e := range event.Each(b.Groups) {
		if all || b.Suspects[at] {
			k.ids = append(k.ids, e.ID)
			k.topics = append(k.topics, e.Topic)
			k.positions = append(k.positions, at)
		}
	}
	return k
}

func (k keys) slice(from, to int) keys {
	return keys{k.ids[from:to], k.topics[from:to], k.positions[from:to]}
}

// twoLookers is how many keys two connections look up faster than one. A guess.
const twoLookers = 600

// lookUp marks as known those suspects, or with lookUpAll those events, whose keys exist, and notes which server says
// so. It runs while another batch is being written. Rows do not go away, unless retention deletes them, so a key that
// was found still exists when its batch is written. lookUp returns the keys that it asked for.
func (w *Writer) lookUp(ctx context.Context, b *batch, lookUpAll bool) (asked keys, err error) {
	asked = keysToLookUp(b, lookUpAll)
	if len(asked.positions) == 0 {
		return asked, nil
	}
	b.known = make([]bool, b.received)
	b.knownTo, err = w.lookers.find(ctx, asked, b.known)
	return asked, err
}

// cannotLookUp has the batch go on without a look-up: no answer depends on one.
func (w *Writer) cannotLookUp(b *batch, err error) {
	if !errors.Is(err, errNoLookUps) {
		w.log.Warn("cannot look up keys, staging the batch", zap.Error(err))
	}
	b.forgetKnown()
}

// checkQuery does for the direct path's Query what lookUpQuery does. It takes the keys in hex, one per line. At a key
// that does not exist it divides by zero, and the whole Query fails. It would also fail if the two texts had different
// numbers of lines, but the decoder accepts no key with a line break.
const checkQuery = `
SELECT 1 / (0 * coalesce(length(k.event_id), 1)) FROM (SELECT unnest(string_to_array(convert_from(decode($1, 'hex'), 'UTF8'), E'\n')) AS event_id,
	unnest(string_to_array(convert_from(decode($2, 'hex'), 'UTF8'), E'\n')) AS topic) AS k
WHERE NOT EXISTS (SELECT FROM ingot.events AS e WHERE e.event_id = k.event_id COLLATE "C" AND e.topic = k.topic COLLATE "C")`

const (
	lookUpName = "ingot_lookup"
	checkName  = "ingot_check"

	// replanAfter bounds the age of a plan that reads events. Uses alone do not tell how the table grows: other
	// ingesters fill it as well.
	replanAfter = time.Minute
)

// planned keeps the plan of a statement up to date with the table. Planning costs as much as looking up 100 keys. But a
// plan made for a table of one page may use an index that somebody has made on topic, and would read whole topics once
// there are many rows. So the statement is planned anew after 1, 4, 16, .. uses, and every minute.
type planned struct {
	uses, next int
	at         time.Time
}

func (p *planned) due() bool { return p.uses+1 >= p.next || time.Since(p.at) >= replanAfter }

func (p *planned) prepare(ctx context.Context, conn *pgconn.PgConn, name, query string, params ...uint32) error {
	if !p.due() {
		return nil
	}
	if p.next > 0 {
		if err := conn.Deallocate(ctx, name); err != nil {
			return fmt.Errorf("drop the plan of %s: %w", name, err)
		}
	}
	if _, err := conn.Prepare(ctx, name, query, params); err != nil {
		return fmt.Errorf("prepare %s: %w", name, err)
	}
	p.next, p.at = 4*(p.uses+1), time.Now()
	return nil
}
