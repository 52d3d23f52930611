package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ingot/internal/event"
)

// browse reads a page newest first, by id. Where a filter has an index it is asked
// at once; otherwise the commit log tells which ids exist, and BRIN finds them.
func (r *Reader) browse(ctx context.Context, q event.Query) (event.Page, error) {
	below, err := parseBrowseCursor(q.Cursor)
	if err != nil {
		return event.Page{}, err
	}
	b := &pageBuilder{query: q}
	more := true
	for logRows := firstLogRows; more && !b.full(); logRows = min(4*logRows, maxLogRows) {
		if indexed(q) {
			below, err = r.rows(ctx, b, 0, below-1)
			more = below > 0
		} else {
			below, more, err = r.browseLog(ctx, b, below, logRows)
		}
		if err != nil {
			return event.Page{}, err
		}
	}
	if more {
		b.page.Next = browseCursor(below)
	}
	return b.page, nil
}

// browseLog reads the batches below an id, from the newest down, and returns the
// id that everything from there up is settled, and whether batches may be left.
func (r *Reader) browseLog(ctx context.Context, b *pageBuilder, below int64, logRows int) (settled int64, more bool, err error) {
	b.steps++
	rows, err := r.pool.Query(ctx, `SELECT first_id, last_id FROM ingot.batches
		WHERE first_id < $1 ORDER BY first_id DESC LIMIT $2`, below, logRows)
	if err != nil {
		return 0, false, fmt.Errorf("read the commit log: %w", err)
	}
	log, err := pgx.CollectRows(rows, pgx.RowToStructByPos[idRange])
	if err != nil {
		return 0, false, fmt.Errorf("read the commit log: %w", err)
	}
	more = len(log) == logRows
	for len(log) > 0 {
		n := downRun(log)
		lo := log[n-1].First
		for hi := min(log[0].Last, below-1); hi >= lo; hi = below - 1 {
			if b.full() {
				return below, true, nil
			}
			if below, err = r.rows(ctx, b, max(lo, hi-windowIDs+1), hi); err != nil {
				return 0, false, err
			}
		}
		log = log[n:]
	}
	return below, more, nil
}

type idRange struct{ First, Last int64 }

// downRun counts the ranges at the beginning that follow each other without a gap.
func downRun(log []idRange) int {
	n := 1
	for n < len(log) && log[n].Last == log[n-1].First-1 {
		n++
	}
	return n
}
