package truth

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"ingot/bench/internal/mix"
)

// Verdict is what Check found.
type Verdict struct {
	Rows    int `json:"rows"`    // rows that the round added
	Stored  int `json:"stored"`  // events that were answered stored
	Settled int `json:"settled"` // different events that were answered stored or duplicate
	Missing int `json:"missing"` // settled events that are not in the table
	Twice   int `json:"twice"`   // rows of the round that repeat a key, be it one that was there before the round
	Unknown int `json:"unknown"` // events that may be stored, though no answer said so
}

// Err says what is wrong, or nil.
func (v Verdict) Err() error {
	switch {
	case v.Missing > 0:
		return fmt.Errorf("%d of %d acknowledged events are not in the table", v.Missing, v.Settled)
	case v.Twice > 0:
		return fmt.Errorf("%d rows repeat a key", v.Twice)
	case v.Rows < v.Stored || v.Rows > v.Stored+v.Unknown:
		return fmt.Errorf("%d rows, but %d events were answered stored", v.Rows, v.Stored)
	case v.Settled < v.Stored: // each of these is another event
		return fmt.Errorf("%d events were answered stored, but only %d could be looked for", v.Stored, v.Settled)
	}
	return nil
}

// Check counts the rows with ids above after, and looks every settled event up by
// its key.
func Check(ctx context.Context, url string, e *mix.Encoder, settled iter.Seq[int], after int) (v Verdict, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return v, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	const setup = `SET jit = off; SET work_mem = '128MB'; SET temp_buffers = '128MB';
		CREATE TEMP TABLE settled (event_id text COLLATE "C", topic text COLLATE "C")`
	if _, err := conn.Exec(ctx, setup); err != nil {
		return v, fmt.Errorf("make a table of acknowledged keys: %w", err)
	}
	next, stop := iter.Pull(settled)
	defer stop()
	rows, err := conn.CopyFrom(ctx, pgx.Identifier{"settled"}, []string{"event_id", "topic"}, pgx.CopyFromFunc(func() ([]any, error) {
		i, ok := next()
		if !ok {
			return nil, nil
		}
		id, topic := e.Key(i)
		return []any{id, topic}, nil
	}))
	if err != nil {
		return v, fmt.Errorf("copy acknowledged keys: %w", err)
	}
	v.Settled = int(rows)
	err = count(ctx, conn, after, &v)
	return v, err
}

// count counts exactly, whatever constraints the table has: that no key is there twice is checked without trust in the
// primary key that should see to it.
func count(ctx context.Context, conn *pgx.Conn, after int, v *Verdict) error {
	if _, err := conn.Exec(ctx, "ANALYZE settled"); err != nil {
		return fmt.Errorf("analyze: %w", err)
	}
	const added = `SELECT coalesce(sum(n), 0)::bigint, coalesce(sum(n - 1), 0)::bigint
		FROM (SELECT count(*) AS n FROM ingot.events WHERE id > $1 GROUP BY event_id, topic) AS keys`
	if err := conn.QueryRow(ctx, added, after).Scan(&v.Rows, &v.Twice); err != nil {
		return fmt.Errorf("count rows: %w", err)
	}
	const again = `SELECT count(*) FROM (SELECT DISTINCT event_id, topic FROM ingot.events WHERE id > $1) AS n
		WHERE EXISTS (SELECT FROM ingot.events AS o WHERE o.event_id = n.event_id AND o.topic = n.topic AND o.id <= $1)`
	var repeated int
	if err := conn.QueryRow(ctx, again, after).Scan(&repeated); err != nil {
		return fmt.Errorf("count rows that were there before: %w", err)
	}
	v.Twice += repeated
	const missing = `SELECT count(*) FROM settled AS s
		WHERE NOT EXISTS (SELECT FROM ingot.events AS e WHERE e.event_id = s.event_id AND e.topic = s.topic)`
	if err := conn.QueryRow(ctx, missing).Scan(&v.Missing); err != nil {
		return fmt.Errorf("look acknowledged events up: %w", err)
	}
	return nil
}
