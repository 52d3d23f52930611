package reader

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// clockSlack is how far an event's received_at, by the ingester's clock, may lie from its batch's committed_at, by
// the database's clock. It covers the time that an event waits for its commit, which is seconds at most (--deadline,
// --attempt-timeout), and the difference of the two clocks: one that is minutes off is a fault of its own. since and
// until miss events whose times lie further apart.
const clockSlack = 10 * time.Minute

// span is the part of the commit log that since and until leave: the batches behind begin, up to commit_seq until.
// The log has no index on time, but commit_seq has the order of committed_at, so both ends are found by halving.
type span struct {
	begin event.Position
	until int64
}

func (r *Reader) span(ctx context.Context, q event.Query) (s span, err error) {
	if s.until, err = r.upTo(ctx, q.Until); err != nil {
		return s, err
	}
	if q.Since.IsZero() {
		return s, nil
	}
	before, err := r.lastCommitBefore(ctx, q.Since.Add(-clockSlack))
	if err != nil {
		return s, err
	}
	log, err := r.log(ctx, "WHERE commit_seq = $1", before)
	if err == nil && len(log) > 0 {
		s.begin = log[0].end()
	}
	return s, err
}

// upTo is where until leads to: all of the log if the newest batch is not behind it. Halving might take that for far less,
// where the database's clock was ahead for a while.
func (r *Reader) upTo(ctx context.Context, until time.Time) (int64, error) {
	if until.IsZero() {
		return math.MaxInt64, nil
	}
	until = until.Add(clockSlack)
	newest, err := r.committed(ctx, span{until: math.MaxInt64}, "DESC")
	if err != nil || newest.Before(until) {
		return math.MaxInt64, err
	}
	return r.lastCommitBefore(ctx, until)
}

// lastCommitBefore is the commit_seq of the last batch that was committed before t, or, if there is none, the
// number before the first in the log (0 in an empty log).
func (r *Reader) lastCommitBefore(ctx context.Context, t time.Time) (int64, error) {
	var lo, hi int64 // lo is before the log, or committed before t; hi is not, or is behind the log
	err := r.pool.QueryRow(ctx, `SELECT coalesce(min(commit_seq), 1) - 1, coalesce(max(commit_seq), 0) + 1 FROM ingot.batches`).Scan(&lo, &hi)
	if err != nil {
		return 0, fmt.Errorf("read the ends of the commit log: %w", err)
	}
	for hi-lo > 1 {
		middle := lo + (hi-lo)/2
		var before bool
		err := r.pool.QueryRow(ctx, `SELECT coalesce((SELECT committed_at < $2 FROM ingot.batches
			WHERE commit_seq >= $1 ORDER BY commit_seq LIMIT 1), false)`, middle, t).Scan(&before)
		if err != nil {
			return 0, fmt.Errorf("search the commit log: %w", err)
		}
		if before {
			lo = middle
		} else {
			hi = middle
		}
	}
	return lo, nil
}

// blockLife is how long after a block was drawn a batch with ids of it may be committed: at most the life of the
// connection that drew it, plus the time that the batch takes.
const blockLife = postgres.SessionLifetime + clockSlack

// idsQuery asks for the least id of the head of a span and the greatest id of its tail. OFFSET 0 keeps the planner
// from walking the index on first_id, through everything that is older, to the first batch of the head. A void row may
// stand between the ids of the newest batch (see postgres.Verify), and is passed over.
const idsQuery = `SELECT
	CASE WHEN $1::bigint = 0 THEN coalesce((SELECT first_id FROM ingot.batches ORDER BY first_id LIMIT 1), 1)
		ELSE coalesce((SELECT min(first_id) FROM (SELECT first_id FROM ingot.batches WHERE commit_seq > $1 AND commit_seq <= $2::bigint OFFSET 0) AS head), 1) END,
	CASE WHEN $4::bigint = $5::bigint THEN coalesce((SELECT last_id FROM ingot.batches WHERE received > 0 ORDER BY first_id DESC LIMIT 1), 0)
		ELSE coalesce((SELECT max(last_id) FROM ingot.batches WHERE commit_seq > $3::bigint AND commit_seq <= $4), 0) END`

// idsOf returns the range of ids, lo to hi, that the batches of a span can hold; it is empty if hi is below lo. Ids
// are nearly in the order of commits: a batch that is committed blockLife later has ids of a block that was drawn
// later. So the least id of a span is in its head and the greatest in its tail. What lies between, which may be
// months, is not read.
func (r *Reader) idsOf(ctx context.Context, s span) (lo, hi int64, err error) {
	head, err := r.head(ctx, s)
	if err != nil {
		return 0, 0, err
	}
	tail, err := r.tail(ctx, s)
	if err != nil {
		return 0, 0, err
	}
	err = r.pool.QueryRow(ctx, idsQuery,
		s.begin.Commit, head, tail, s.until, int64(math.MaxInt64)).Scan(&lo, &hi)
	if err != nil {
		return 0, 0, fmt.Errorf("read the ids of a span: %w", err)
	}
	return lo, hi, nil
}

// head is the commit_seq of the last batch of a span that may have the span's least id.
func (r *Reader) head(ctx context.Context, s span) (commit int64, err error) {
	if s.begin.Commit == 0 {
		return 0, nil // not needed: the index on first_id has the least id of all
	}
	first, err := r.committed(ctx, s, "")
	if err != nil || first.IsZero() {
		return 0, err
	}
	commit, err = r.lastCommitBefore(ctx, first.Add(blockLife))
	return min(commit, s.until), err
}

// tail is a commit_seq: only batches of the span behind it may have the span's greatest id.
func (r *Reader) tail(ctx context.Context, s span) (commit int64, err error) {
	if s.until == math.MaxInt64 {
		return 0, nil // not needed: the index on first_id leads to the greatest id of all
	}
	last, err := r.committed(ctx, s, "DESC")
	if err != nil || last.IsZero() {
		return s.until, err
	}
	commit, err = r.lastCommitBefore(ctx, last.Add(-blockLife))
	return max(commit, s.begin.Commit), err
}

// committed is when the first batch of a span was committed, or with "DESC" the last one; zero: the span has no
// batch.
func (r *Reader) committed(ctx context.Context, s span, order string) (at time.Time, err error) {
	err = r.pool.QueryRow(ctx, `SELECT committed_at FROM ingot.batches
		WHERE commit_seq > $1 AND commit_seq <= $2 ORDER BY commit_seq `+order+` LIMIT 1`, s.begin.Commit, s.until).Scan(&at)
	if errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("read the ends of a span: %w", err)
	}
	return at, nil
}
