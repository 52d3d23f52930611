package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Retention deletes the oldest batches of the log, whole, with their events. A step is one
// transaction:
//
//  1. one pruner at a time, of all instances;
//  2. the head of the log: batches committed before the cutoff, behind which one stands that is
//     marked as folded, so that ingot.topics counts what they have stored;
//  3. their events, by the slices of their ids, and their rows of the log;
//  4. the log's lock, and what was deleted is taken off the topics' counts.
//
// What this gives:
//
//   - The log loses its head and nothing else: a place of the feed is gone exactly when its batch is,
//     and readers are told so (logFrom). commit_seq and the totals go on, for the newest row stays.
//   - The topics' counts are those of the events at any time (verify.go).
//   - A batch that writes a key which is being deleted waits for the step's end, and stores it. No
//     step waits for a batch that waits for it: who holds the log's lock writes no keys any more.

// MinRetention is the least age of what may be deleted. A batch in doubt, or one that is being read from the
// end of the feed, is younger by far.
const MinRetention = time.Hour

// pruneLock is the advisory lock of the one that prunes.
const pruneLock = 0x696e676f74_04

const (
	// A step deletes as many events as a slice has ids, unless its first batch is larger. A writer may
	// wait so long for a key.
	stepEvents = 1 << sliceBits

	// stepBatches bounds the rows of the log that a step looks at.
	stepBatches = 4096
)

// Pruner deletes old batches. It has a connection of its own.
type Pruner struct{ pool *pgxpool.Pool }

// OpenPruner makes the pool; it connects when it is first used.
func OpenPruner(url string, timeout time.Duration) (*Pruner, error) {
	pool, err := openPool(url, "ingot retention", ReaderConfig{Connections: 1, Timeout: timeout}, "SET default_transaction_read_only = off;"+setupReader)
	if err != nil {
		return nil, err
	}
	return &Pruner{pool: pool}, nil
}

// Close waits for a step under way and ends the connection.
func (p *Pruner) Close() { p.pool.Close() }

// Pruned is what a step has deleted.
type Pruned struct {
	Batches, Events int64
	More            bool // there may be more that is as old
}

// Prune deletes the oldest batches that were committed longer ago than age, by the database's clock
// and by this process's: one that jumps ahead deletes nothing. It deletes as many as one step takes, and
// nothing while another pruner is at it.
func (p *Pruner) Prune(ctx context.Context, age time.Duration) (done Pruned, err error) {
	err = pgx.BeginTxFunc(ctx, p.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}, func(tx pgx.Tx) error {
		done, err = prune(ctx, tx, age)
		return err
	})
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == insufficientPrivilege {
		err = fmt.Errorf("%w: GRANT DELETE ON ingot.events, ingot.batches, ingot.topics to the role of the ingester", err)
	}
	if err != nil {
		return Pruned{}, fmt.Errorf("delete old events: %w", err)
	}
	return done, nil
}

const insufficientPrivilege = "42501"

func prune(ctx context.Context, tx pgx.Tx, age time.Duration) (done Pruned, err error) {
	var alone bool
	if err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", int64(pruneLock)).Scan(&alone); err != nil || !alone {
		return done, err
	}
	old, more, err := oldest(ctx, tx, age)
	if err != nil || len(old) == 0 {
		return done, err
	}
	topics, err := deleteEvents(ctx, tx, old)
	if err != nil {
		return done, err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM ingot.batches WHERE commit_seq <= $1", old[len(old)-1].commit); err != nil {
		return done, err
	}
	done.Batches, done.More = int64(len(old)), more
	for _, n := range topics.events {
		done.Events += n
	}
	return done, topics.takeOff(ctx, tx)
}

// oldest reads the batches of a step.
func oldest(ctx context.Context, tx pgx.Tx, age time.Duration) (old []logRow, more bool, err error) {
	rows, err := tx.Query(ctx, "SELECT "+logColumns+`, committed_at < least(clock_timestamp(), $1::timestamptz) - $2::interval FROM ingot.batches
		WHERE commit_seq < (SELECT commit_seq FROM ingot.batches WHERE folded ORDER BY commit_seq DESC LIMIT 1)
		ORDER BY commit_seq LIMIT $3`, pgx.QueryResultFormats{pgx.BinaryFormatCode}, time.Now(), age, stepBatches)
	if err != nil {
		return nil, false, err
	}
	defer rows.Close()
	events := 0
	for rows.Next() {
		values := rows.RawValues()
		l, isOld := newLogRow(values), values[logWidth][0] != 0
		events += l.stored
		if more = isOld; !isOld || len(old) > 0 && events > stepEvents {
			break
		}
		old = append(old, l)
	}
	rows.Close()
	return old, more, rows.Err()
}

// deleted are how many events of each topic were deleted.
type deleted struct {
	topics []string
	events []int64
}

// deleteEvents deletes the events of batches. The index finds the rows of slices; those of other
// batches among them stay. The ids are read in a subquery, once: thousands of ranges take a millisecond,
// and would be read for each row.
func deleteEvents(ctx context.Context, tx pgx.Tx, batches []logRow) (d deleted, err error) {
	var slices []int64
	ids := []byte{'{'}
	for _, l := range batches {
		if l.stored == 0 {
			continue
		}
		for slice := sliceOf(l.first); slice <= sliceOf(l.last); slice++ {
			slices = append(slices, slice)
		}
		ids = fmt.Appendf(ids, "[%d,%d],", l.first, l.last)
	}
	if len(slices) == 0 {
		return d, nil
	}
	ids[len(ids)-1] = '}'
	rows, err := tx.Query(ctx, `WITH gone AS (DELETE FROM ingot.events WHERE `+rowKeys+` && ARRAY(SELECT DISTINCT unnest($1::bigint[])) AND id <@ (SELECT $2::text::int8multirange) RETURNING topic)
		SELECT topic, count(*) FROM gone GROUP BY topic`, slices, string(ids))
	if err != nil {
		return d, err
	}
	var topic string
	var n int64
	_, err = pgx.ForEachRow(rows, []any{&topic, &n}, func() error {
		d.topics, d.events = append(d.topics, topic), append(d.events, n)
		return nil
	})
	return d, err
}

// takeOff takes what was deleted off the topics' counts, under the log's lock: folds hold it too, and would
// meet these rows in another order.
func (d deleted) takeOff(ctx context.Context, tx pgx.Tx) error {
	if len(d.topics) == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(logLock)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `UPDATE ingot.topics AS t SET events = t.events - d.events
		FROM unnest($1::text[], $2::bigint[]) AS d (topic, events) WHERE t.topic = d.topic`, d.topics, d.events)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "DELETE FROM ingot.topics WHERE topic = ANY($1) AND events <= 0", d.topics)
	return err
}
