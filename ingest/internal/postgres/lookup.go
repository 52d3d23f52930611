package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"go.uber.org/zap"
)

// lookUpQuery finds which of the keys do not exist: nearly all that are asked for do, so next
// to no rows come back. The arrays are unnested in the SELECT list, where nothing keeps
// them on the way (docs/decisions/0019).
const lookUpQuery = `
SELECT k.i::bigint FROM (SELECT unnest($1::text[]) AS event_id, unnest($2::text[]) AS topic, generate_series(1, cardinality($1::text[])) AS i) AS k
WHERE NOT EXISTS (SELECT FROM ingot.events AS e WHERE e.event_id = k.event_id COLLATE "C" AND e.topic = k.topic COLLATE "C")`

// keys are keys to look up, and where their events stand in the batch.
type keys struct {
	ids, topics []string
	positions   []int
}

// keysToLookUp lists the suspects, or all events.
func keysToLookUp(b *batch, all bool) (k keys) {
	if b.suspects == nil && !all {
		return k
	}
	at := 0
	for g := range b.groups {
		events := b.groups[g].Events
		for i := range events {
			if all || b.suspects[at] {
				k.ids = append(k.ids, events[i].ID)
				k.topics = append(k.topics, events[i].Topic)
				k.positions = append(k.positions, at)
			}
			at++
		}
	}
	return k
}

func (k keys) slice(from, to int) keys {
	return keys{k.ids[from:to], k.topics[from:to], k.positions[from:to]}
}

// twoLookers is how many keys two connections look up faster than one. A guess.
const twoLookers = 600

// lookUp marks the suspects, or all events, whose keys exist as known, and notes who says
// so. It runs beside the batch that is being written; rows never go away, so what is
// found stays true. It returns the keys that were asked for.
func (w *Writer) lookUp(ctx context.Context, b *batch, lookUpAll bool) (asked keys, err error) {
	asked = keysToLookUp(b, lookUpAll)
	if len(asked.positions) == 0 {
		return asked, nil
	}
	b.known = make([]bool, b.received)
	if b.knownTo, err = w.lookers.find(ctx, asked, b.known); err != nil {
		return asked, err
	}
	for _, at := range asked.positions {
		if b.known[at] {
			b.knownCount++
		}
	}
	return asked, nil
}

// cannotLookUp goes on without: no answer depends on a look-up.
func (w *Writer) cannotLookUp(b *batch, err error) {
	if !errors.Is(err, errNoLookUps) {
		w.log.Warn("keys cannot be looked up, staging the batch", zap.Error(err))
	}
	b.forgetKnown()
}

// checkQuery asks what lookUpQuery does, for keys in hex, a line each, as a part of the direct path's Query. It
// divides by zero, and the whole Query fails with it, at one that does not exist, or that has more
// lines in one text than in the other, which the decoder lets nobody send.
const checkQuery = `
SELECT 1 / (0 * coalesce(length(k.event_id), 1)) FROM (SELECT unnest(string_to_array(convert_from(decode($1, 'hex'), 'UTF8'), E'\n')) AS event_id,
	unnest(string_to_array(convert_from(decode($2, 'hex'), 'UTF8'), E'\n')) AS topic) AS k
WHERE NOT EXISTS (SELECT FROM ingot.events AS e WHERE e.event_id = k.event_id COLLATE "C" AND e.topic = k.topic COLLATE "C")`

const (
	lookUpName = "ingot_lookup"
	checkName  = "ingot_check"

	// replanAfter bounds the age of a plan that reads events; other ingesters fill the
	// table as well.
	replanAfter = time.Minute
)

// prepareCheck sees to the plan of the check. While an answer is awaited over the
// connection it only counts: a plan that was not due when the batch was found fit to be
// sent ahead may have become due since.
func (w *Writer) prepareCheck(ctx context.Context) error {
	s := w.session
	if w.busy() {
		s.checkPlan.uses++
		return nil
	}
	return s.checkPlan.prepare(ctx, s.conn, checkName, checkQuery, pgtype.TextOID, pgtype.TextOID)
}

// planned keeps a statement's plan in step with the table. Planning costs as much as
// looking 100 keys up, but a plan made for a table of a page may take an index that
// somebody has made on topic, and read whole topics once there are many. So it is made anew after 1,
// 4, 16, .. uses, and every minute.
type planned struct {
	uses, next int
	at         time.Time
}

func (p *planned) due() bool { return p.uses+1 >= p.next || time.Since(p.at) >= replanAfter }

func (p *planned) prepare(ctx context.Context, conn *pgconn.PgConn, name, query string, params ...uint32) error {
	if !p.due() {
		p.uses++
		return nil
	}
	p.uses++
	if p.next > 0 {
		if err := conn.Deallocate(ctx, name); err != nil {
			return fmt.Errorf("drop the plan of %s: %w", name, err)
		}
	}
	if _, err := conn.Prepare(ctx, name, query, params); err != nil {
		return fmt.Errorf("prepare %s: %w", name, err)
	}
	p.next, p.at = 4*p.uses, time.Now()
	return nil
}
