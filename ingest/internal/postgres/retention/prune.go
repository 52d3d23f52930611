package retention

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ingot/ingest/internal/postgres"
)

const (
	// stepEvents is about how many events a step deletes: more if its first batch is larger, fewer if earlier steps took
	// long. A writer may have to wait for a key as long as a step takes.
	stepEvents = 1 << postgres.SliceBits

	// longStep and shortStep divide the statement timeout. After a step that took longer than timeout/longStep the
	// next step deletes half as many events. After one that took less than timeout/shortStep it deletes twice as
	// many, which should not make it a long step. Guesses.
	longStep, shortStep = 4, 8

	// stepBatches bounds the rows of the log that a step looks at.
	stepBatches = 4096
)

// Pruner deletes old batches. It has a connection of its own. One goroutine at a time may call it.
type Pruner struct {
	pool    *postgres.Pool
	timeout time.Duration // statement_timeout
	events  int           // how many the next step may delete
}

// mayDelete fails for a role that may not delete. It runs as the connection is set up, so that the missing right is
// reported before any batch is old enough.
const mayDelete = postgres.Begin + `; DELETE FROM ingot.events WHERE false; DELETE FROM ingot.batches WHERE false; DELETE FROM ingot.topics WHERE false; COMMIT;`

// Open makes the pool; it connects when it is first used.
func Open(url string, timeout time.Duration) (*Pruner, error) {
	// A pruner that hangs holds keys, and keeps others from pruning, for no longer than a statement may take.
	setup := fmt.Sprintf("%s SET idle_in_transaction_session_timeout = %d;", mayDelete, postgres.Milliseconds(timeout))
	pool, err := postgres.OpenPool(url, "ingot retention", postgres.PoolConfig{Connections: 1, Timeout: timeout}, setup+postgres.PlannedByIndex)
	if err != nil {
		return nil, err
	}
	return &Pruner{pool: pool, timeout: timeout, events: stepEvents}, nil
}

// Close ends the connection. It breaks off a step that is still under way a second later.
func (p *Pruner) Close() { p.pool.Close() }

// Pruned is what a step has deleted.
type Pruned struct {
	Batches, Events int64
	More            bool // there may be more batches that are old enough
}

// Prune deletes, in one step, the oldest batches that were committed longer ago than age. A batch must be that old
// by the database's clock and by this process's: a clock that jumps ahead deletes nothing. Prune deletes nothing
// while another pruner is at work.
func (p *Pruner) Prune(ctx context.Context, age time.Duration) (done Pruned, err error) {
	begun := time.Now()
	defer func() { p.took(time.Since(begun), done, err) }()
	err = p.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { // the pool closes a connection that was left in a transaction
		if _, err := conn.Exec(ctx, postgres.Begin); err != nil {
			return err
		}
		done, err = prune(ctx, conn.Conn(), age, p.events)
		return err
	})
	if postgres.Denied(err) {
		err = fmt.Errorf("%w: GRANT DELETE ON ingot.events, ingot.batches, ingot.topics to the role of the ingester", err)
	}
	if err != nil {
		return Pruned{}, fmt.Errorf("delete old events: %w", postgres.ExplainTimeout(postgres.ExplainReadOnly(err), p.timeout, "--query-timeout"))
	}
	return done, nil
}

// took learns how many events a step may delete. Events of 256 KiB take a hundred times as long as small ones: a step
// of too many would run into the statement timeout every time, and nothing would ever be deleted.
func (p *Pruner) took(d time.Duration, done Pruned, err error) {
	switch {
	case d > p.timeout/longStep:
		p.events = max(p.events/2, 1)
	case d < p.timeout/shortStep && err == nil && done.Batches > 0:
		p.events = min(2*p.events, stepEvents)
	}
}

// prune is one step of about that many events, in a transaction that is open already. prune commits it.
func prune(ctx context.Context, conn *pgx.Conn, age time.Duration, events int) (done Pruned, err error) {
	var alone bool
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", int64(postgres.PruneLock)).Scan(&alone); err != nil {
		return done, err
	}
	var old []oldBatch
	if alone {
		if old, done.More, err = oldest(ctx, conn, age, events); err != nil {
			return done, err
		}
	}
	if len(old) == 0 {
		return Pruned{}, deleted{}.commit(ctx, conn)
	}
	topics, err := deleteEvents(ctx, conn, old)
	if err != nil {
		return done, err
	}
	if _, err := conn.Exec(ctx, "DELETE FROM ingot.batches WHERE commit_seq <= $1", old[len(old)-1].commit); err != nil {
		return done, err
	}
	done.Batches = int64(len(old))
	for _, n := range topics {
		done.Events += n
	}
	return done, topics.commit(ctx, conn)
}

// oldBatch is what deleting needs of a row of the commit log.
type oldBatch struct {
	commit      int64 // commit_seq
	first, last int64 // ids
	stored      int
}

// oldestQuery reads the oldest batches. A batch that was committed later than both clocks say it is now was committed
// while the database's clock was ahead. It is as old as the next one whose time has passed, since that was committed
// later: else nothing would be deleted until the clocks are where that one was. The next one is looked for only where
// there is such a batch (60 ms behind 500,000 of them). The subqueries keep the order of the index: joins would sort.
const oldestQuery = `WITH clocks AS (SELECT least(clock_timestamp(), $1::timestamptz) AS behind, greatest(clock_timestamp(), $1) AS ahead),
	next AS (SELECT commit_seq, committed_at FROM ingot.batches
		WHERE commit_seq > (SELECT min(commit_seq) FROM ingot.batches) AND committed_at <= (SELECT ahead FROM clocks) ORDER BY commit_seq LIMIT 1)
	SELECT commit_seq, first_id, last_id, stored,
		CASE WHEN committed_at > (SELECT ahead FROM clocks) AND commit_seq < (SELECT commit_seq FROM next)
			THEN (SELECT committed_at FROM next) ELSE committed_at END < (SELECT behind FROM clocks) - $2::interval
	FROM ingot.batches
	WHERE commit_seq <= (SELECT commit_seq FROM ingot.batches WHERE folded ORDER BY commit_seq DESC LIMIT 1)
	ORDER BY commit_seq LIMIT $3`

// oldest reads the batches of a step. A batch is deleted only once the batch behind it is old enough as well: until
// then its end is the place of readers that have seen everything but the batch behind it.
func oldest(ctx context.Context, conn *pgx.Conn, age time.Duration, most int) (old []oldBatch, more bool, err error) {
	rows, err := conn.Query(ctx, oldestQuery, time.Now(), age, stepBatches+1)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	var before *oldBatch
	events := 0
	for rows.Next() {
		var b oldBatch
		var isOld bool
		if err := rows.Scan(&b.commit, &b.first, &b.last, &b.stored, &isOld); err != nil {
			return nil, false, err
		}
		if more = isOld; !isOld {
			break
		}
		if before != nil {
			if events += before.stored; len(old) > 0 && events > most {
				break
			}
			old = append(old, *before)
		}
		before = &b
	}
	rows.Close()
	return old, more, rows.Err()
}
