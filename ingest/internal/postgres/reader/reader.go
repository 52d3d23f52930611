package reader

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// Reader reads what was committed. It has connections of its own, so that no reading delays a commit. It is safe
// for concurrent use.
type Reader struct {
	pool  *postgres.Pool
	pages chan struct{} // one element for each page that is being read
	usual atomic.Int64  // average bytes of an event on pages that were read lately
}

// Open makes the pool; it connects when it is first used.
func Open(url string, config postgres.PoolConfig) (*Reader, error) {
	pool, err := postgres.OpenPool(url, "ingot reader", config, "SET default_transaction_read_only = on;"+postgres.PlannedByIndex)
	if err != nil {
		return nil, err
	}
	return &Reader{pool: pool, pages: make(chan struct{}, config.Connections)}, nil
}

// Close ends the connections. It breaks off what has not been read a second later.
func (r *Reader) Close() { r.pool.Close() }

// Ping tells whether the database answers.
func (r *Reader) Ping(ctx context.Context) error { return r.pool.Ping(ctx) }

// largestTopics selects the $1 topics with the most events. Counts that are not folded yet only add to the sums, so the
// largest topics are all among the $1 largest of ingot.topics or those with such counts. Only these have to be added
// up, and not all topics, which may be millions.
const largestTopics = `SELECT topic, max(events) AS events FROM (
		(SELECT topic, events FROM ingot.topics ORDER BY events DESC, topic LIMIT $1)
		UNION ALL SELECT r.topic, r.events + coalesce((SELECT t.events FROM ingot.topics AS t WHERE t.topic = r.topic), 0)
		FROM (SELECT k.key COLLATE "C" AS topic, sum(k.value::bigint)::bigint AS events
			FROM (` + postgres.UnfoldedTopics + `) AS b, json_each_text(b.topics) AS k GROUP BY 1) AS r) AS c
	GROUP BY topic ORDER BY events DESC, topic LIMIT $1`

// Totals reads the last row of the commit log and the counts of topics in one statement, so that the figures belong
// together. It returns the counts of the most topics that have the most events, equal ones in the order of their names,
// or of all topics if most is negative. It fails with event.ErrTooManyTopics when the counts take more than maxBytes as
// JSON.
func (r *Reader) Totals(ctx context.Context, most int, maxBytes int64) (event.Totals, error) {
	t := event.Totals{Topics: map[string]int64{}}
	counts, args := postgres.TopicCounts, []any(nil)
	if most >= 0 {
		counts, args = largestTopics, []any{most}
	}
	rows, err := r.pool.Query(ctx, `
		WITH last AS (SELECT total_received, total_stored FROM ingot.batches ORDER BY commit_seq DESC LIMIT 1)
		SELECT NULL, total_received, total_stored FROM last
		UNION ALL SELECT topic, events, 0 FROM (`+counts+`) AS c`, args...)
	if err != nil {
		return t, fmt.Errorf("read the totals: %w", err)
	}
	var topic *string
	var a, b, bytes int64
	_, err = pgx.ForEachRow(rows, []any{&topic, &a, &b}, func() error {
		if topic == nil {
			t.Received, t.Stored = a, b
			return nil
		}
		if _, again := t.Topics[*topic]; !again {
			bytes += int64(len(*topic) + len(`"":1,`))
		}
		if bytes > maxBytes {
			return event.ErrTooManyTopics
		}
		t.Topics[*topic] += a
		return nil
	})
	if err != nil {
		return t, fmt.Errorf("read the totals: %w", err)
	}
	return t, nil
}

// Events reads a page. As many pages are read at a time as there are connections: a page takes a connection anew
// for each of its queries, and a page that had to wait for its next connection would hold what it has read so far
// meanwhile. Events fails with *event.CursorError when the feed or the browsing cannot go on from the query's
// cursor.
func (r *Reader) Events(ctx context.Context, q event.Query) (page event.Page, err error) {
	select {
	case r.pages <- struct{}{}:
		defer func() { <-r.pages }()
	case <-ctx.Done():
		return page, fmt.Errorf("wait for other pages: %w", ctx.Err())
	}
	for range 3 { // rows move when somebody rewrites the table, which is rare; after three times in a row it gives up
		if q.Feed {
			page, err = r.feed(ctx, q)
		} else {
			page, err = r.browse(ctx, q)
		}
		if !errors.Is(err, errMoved) {
			break
		}
	}
	return page, err
}

// Event reads one event by its key; false: there is none.
func (r *Reader) Event(ctx context.Context, topic, id string) (event.Stored, bool, error) {
	e, err := scanEvent(r.pool.QueryRow(ctx, "SELECT "+eventColumns+" FROM ingot.events AS e WHERE e.event_id = $1 AND e.topic = $2", id, topic))
	if errors.Is(err, pgx.ErrNoRows) {
		return e, false, nil
	}
	if err != nil {
		return e, false, fmt.Errorf("read an event: %w", err)
	}
	return e, true, nil
}
