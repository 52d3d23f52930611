package postgres

import (
	"context"
	"fmt"
	"math"
	"time"

	"ingot/internal/event"
)

// clockSlack is how far an event's received_at, by the ingester's clock, and its
// batch's committed_at, by the database's, may lie apart: the time an event waits
// for its commit, and what the two clocks differ by. Events beyond it would be
// missed by since and until. The wait is bounded by seconds (--deadline,
// --attempt-timeout); clocks that are minutes wrong are a fault of their own.
const clockSlack = 10 * time.Minute

// span is the part of the commit log that since and until leave: the batches behind
// begin, up to commit_seq until. There is no index on time; commit_seq is the order
// of committed_at, so both ends are found by halving.
type span struct {
	begin event.Position
	until int64
}

func (r *Reader) span(ctx context.Context, q event.Query) (s span, err error) {
	s.until = math.MaxInt64
	if !q.Until.IsZero() {
		if s.until, err = r.lastCommitBefore(ctx, q.Until.Add(clockSlack)); err != nil {
			return s, err
		}
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

// lastCommitBefore is the commit_seq of the last batch committed before t; 0 if
// there is none.
func (r *Reader) lastCommitBefore(ctx context.Context, t time.Time) (int64, error) {
	var lo, hi int64 // committed before t; not, or behind the end
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

// idsOf are the ids that the batches of a span can hold; nothing is in hi..lo.
func (r *Reader) idsOf(ctx context.Context, s span) (lo, hi int64, err error) {
	if s.begin.Commit == 0 && s.until == math.MaxInt64 {
		err = r.pool.QueryRow(ctx, `SELECT coalesce((SELECT first_id FROM ingot.batches ORDER BY first_id LIMIT 1), 1),
			coalesce((SELECT last_id FROM ingot.batches ORDER BY first_id DESC LIMIT 1), 0)`).Scan(&lo, &hi)
		if err != nil {
			return 0, 0, fmt.Errorf("read the ends of the ids: %w", err)
		}
		return lo, hi, nil
	}
	err = r.pool.QueryRow(ctx, `SELECT coalesce(min(first_id), 1), coalesce(max(last_id), 0) FROM ingot.batches
		WHERE commit_seq > $1 AND commit_seq <= $2`, s.begin.Commit, s.until).Scan(&lo, &hi)
	if err != nil {
		return 0, 0, fmt.Errorf("read the ids of a span: %w", err)
	}
	return lo, hi, nil
}
