package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ingot/internal/event"
)

// Reader reads what was committed. It has connections of its own, so that no
// reading delays a commit. Safe for concurrent use.
type Reader struct {
	pool *pgxpool.Pool
}

// ReaderConfig bounds a Reader.
type ReaderConfig struct {
	Connections int           // at most this many queries at a time; the others wait
	Timeout     time.Duration // statement_timeout
}

// OpenReader makes the pool; it connects when it is first used.
func OpenReader(url string, config ReaderConfig) (*Reader, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	c.MaxConns = int32(config.Connections)
	c.MaxConnLifetime = sessionLifetime
	c.ConnConfig.RuntimeParams["application_name"] = "ingot reader"
	c.ConnConfig.DialFunc = dial(config.Timeout)
	c.ConnConfig.ConnectTimeout = orConnectTimeout(c.ConnConfig.ConnectTimeout)
	setup := fmt.Sprintf("SET default_transaction_read_only = on; SET statement_timeout = %d; SET TimeZone = 'UTC'; SET jit = off%s",
		milliseconds(config.Timeout), serverTimeouts(config.Timeout))
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, setup)
		return err
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, fmt.Errorf("open the reader's pool: %w", err)
	}
	return &Reader{pool: pool}, nil
}

// Close waits for the queries under way and ends the connections.
func (r *Reader) Close() { r.pool.Close() }

// Ping tells whether the database answers.
func (r *Reader) Ping(ctx context.Context) error { return r.pool.Ping(ctx) }

// Totals reads the last row of the commit log and the topics in one statement,
// so that the figures belong together.
func (r *Reader) Totals(ctx context.Context) (event.Totals, error) {
	t := event.Totals{Topics: map[string]int64{}}
	rows, err := r.pool.Query(ctx, `
		WITH last AS (SELECT total_received, total_stored FROM ingot.batches ORDER BY commit_seq DESC LIMIT 1)
		SELECT NULL, total_received, total_stored FROM last
		UNION ALL SELECT topic, events, 0 FROM ingot.topics`)
	if err != nil {
		return t, fmt.Errorf("read the totals: %w", err)
	}
	var topic *string
	var a, b int64
	_, err = pgx.ForEachRow(rows, []any{&topic, &a, &b}, func() error {
		if topic == nil {
			t.Received, t.Stored = a, b
		} else {
			t.Topics[*topic] = a
		}
		return nil
	})
	if err != nil {
		return t, fmt.Errorf("read the totals: %w", err)
	}
	return t, nil
}

// Events reads a page. It fails with *event.CursorError when the query's cursor
// cannot be gone on from.
func (r *Reader) Events(ctx context.Context, q event.Query) (event.Page, error) {
	if q.Feed {
		return r.feed(ctx, q)
	}
	return r.browse(ctx, q)
}
