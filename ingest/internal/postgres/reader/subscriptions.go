package reader

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// Subscriptions keeps places in the feed under names. It has connections of its own, because a Reader's may not write.
// It is safe for concurrent use.
type Subscriptions struct {
	pool *postgres.Pool
	most int // how many subscriptions the database may have, whoever made them
}

// OpenSubscriptions makes the pool, which connects when it is first used. most bounds the subscriptions of the
// database; another instance may have another bound.
func OpenSubscriptions(url string, config postgres.PoolConfig, most int) (*Subscriptions, error) {
	// An instance that hangs while it makes a subscription keeps others from making one for no longer than a statement
	// may take.
	setup := fmt.Sprintf("SET idle_in_transaction_session_timeout = %d", postgres.Milliseconds(config.Timeout))
	pool, err := postgres.OpenPool(url, "ingot subscriptions", config, setup)
	if err != nil {
		return nil, err
	}
	return &Subscriptions{pool: pool, most: most}, nil
}

// Close ends the connections, as Reader.Close does.
func (s *Subscriptions) Close() { s.pool.Close() }

// Create makes a subscription. If one of that name exists, that one stays as it is, and created is false. Create
// fails with event.ErrSubscriptionsFull when there are too many.
func (s *Subscriptions) Create(ctx context.Context, sub event.Subscription) (created bool, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(postgres.CreationLock)); err != nil {
			return err
		}
		var n int
		var there bool
		err := tx.QueryRow(ctx, "SELECT count(*), coalesce(bool_or(name = $1), false) FROM ingot.subscriptions", sub.Name).Scan(&n, &there)
		switch {
		case err != nil || there:
			return err
		case n >= s.most:
			return event.ErrSubscriptionsFull
		}
		created = true
		return insertSubscription(ctx, tx, sub)
	})
	if err != nil {
		return false, fmt.Errorf("create a subscription: %w", s.refused(err))
	}
	return created, nil
}

func insertSubscription(ctx context.Context, tx pgx.Tx, sub event.Subscription) error {
	if sub.Topics == nil {
		sub.Topics = []string{}
	}
	_, err := tx.Exec(ctx, `INSERT INTO ingot.subscriptions (name, after, topics, source, commit_seq, id, identity)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		sub.Name, sub.After, sub.Topics, sub.Source, sub.At.Commit, sub.At.ID, int64(sub.At.Identity))
	return err
}

// Commit moves a subscription forward, if it brings these topics; nil: whatever it brings. Committing a place that the
// subscription has passed changes nothing.
func (s *Subscriptions) Commit(ctx context.Context, name string, topics []string, at event.Position) error {
	_, err := s.pool.Exec(ctx, `UPDATE ingot.subscriptions SET commit_seq = $2, id = $3, identity = $4, committed_at = clock_timestamp()
		WHERE name = $1 AND (commit_seq, id) < ($2::bigint, $3::bigint) AND ($5::text[] IS NULL OR topics = $5)`, name, at.Commit, at.ID, int64(at.Identity), topics)
	if err != nil {
		return fmt.Errorf("commit a subscription: %w", s.refused(err))
	}
	return nil
}

// Delete forgets a subscription, if it brings these topics; nil: whatever it brings. It tells whether there was one.
func (s *Subscriptions) Delete(ctx context.Context, name string, topics []string) (bool, error) {
	tag, err := s.pool.Exec(ctx, "DELETE FROM ingot.subscriptions WHERE name = $1 AND ($2::text[] IS NULL OR topics = $2)", name, topics)
	if err != nil {
		return false, fmt.Errorf("delete a subscription: %w", s.refused(err))
	}
	return tag.RowsAffected() == 1, nil
}

// refused has other connections opened after one that may only read: each keeps the brake that its database or role had when it
// was opened.
func (s *Subscriptions) refused(err error) error {
	if postgres.ReadOnly(err) {
		s.pool.Reset()
	}
	return postgres.ExplainReadOnly(err)
}

// lagQuery reads subscriptions. For each it also tells how many events are ahead of it, and how long ago the first
// of them was committed. The number comes from the totals of the log; of the batch that the subscription stands in,
// it counts at most what that batch stored. If that batch is not in the log, all events of the log count.
const lagQuery = `
WITH last AS (SELECT total_stored FROM ingot.batches ORDER BY commit_seq DESC LIMIT 1),
	head AS (SELECT total_stored - stored AS total_stored FROM ingot.batches ORDER BY commit_seq LIMIT 1)
SELECT s.name, s.after, s.topics, s.source, s.commit_seq, s.id, s.identity, s.committed_at,
	greatest(0, coalesce((SELECT total_stored FROM last), 0) - coalesce(at.total_stored, (SELECT total_stored FROM head), 0)
		+ CASE WHEN s.id < at.last_id THEN least(at.stored, at.last_id - s.id) ELSE 0 END),
	coalesce(clock_timestamp() - CASE WHEN s.id < at.last_id THEN at.committed_at ELSE next.committed_at END, '0')
FROM ingot.subscriptions AS s
LEFT JOIN ingot.batches AS at ON at.commit_seq = s.commit_seq
LEFT JOIN LATERAL (SELECT committed_at FROM ingot.batches AS b WHERE b.commit_seq > s.commit_seq ORDER BY b.commit_seq LIMIT 1) AS next ON true
WHERE $1 = '' OR s.name = $1
ORDER BY s.name`

// Each calls f for each subscription, by name, and ends with the first error of f. It does not collect them, since they
// may be many, each with many topics.
func (s *Subscriptions) Each(ctx context.Context, f func(*event.Subscription) error) error {
	return s.each(ctx, "", f)
}

// Get returns one subscription; false: there is none of that name.
func (s *Subscriptions) Get(ctx context.Context, name string) (sub event.Subscription, there bool, err error) {
	err = s.each(ctx, name, func(found *event.Subscription) error {
		sub, there = *found, true
		return nil
	})
	return sub, there, err
}

func (s *Subscriptions) each(ctx context.Context, name string, f func(*event.Subscription) error) error {
	rows, err := s.pool.Query(ctx, lagQuery, name)
	if err != nil {
		return fmt.Errorf("read subscriptions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		sub, err := scanSubscription(rows)
		if err == nil {
			err = f(&sub)
		}
		if err != nil {
			return fmt.Errorf("read subscriptions: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read subscriptions: %w", err)
	}
	return nil
}

func scanSubscription(row pgx.CollectableRow) (sub event.Subscription, err error) {
	var identity int64
	var committed *time.Time
	err = row.Scan(&sub.Name, &sub.After, &sub.Topics, &sub.Source, &sub.At.Commit, &sub.At.ID, &identity, &committed, &sub.LagEvents, &sub.Lag)
	sub.At.Identity = uint32(identity)
	if committed != nil {
		sub.Committed = committed.UTC()
	}
	if sub.LagEvents == 0 || sub.Lag < 0 {
		sub.Lag = 0
	}
	return sub, err
}
