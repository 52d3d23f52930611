package reader

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// A page is read in two steps. find.go finds the places of the rows that some batches of the log stored (window.go,
// and places.go for the SQL). fetch.go reads these rows in the order of the page. Places are small, so whole batches of
// them can be taken, and sorted here.
//
// Rows of some topics, or of one event_id, are found by an index. All others are looked for where the table ended
// when their batch committed (heap_blocks), since most rows are right before that. But after a vacuum Postgres puts
// small rows into free room of old pages, and a restore writes the table anew. So if fewer rows are found than the log
// says were stored, all rows of their slices are read by the index, which misses none.

// maxFound bounds how many places one step finds, unless the step is one batch. A guess.
const maxFound = 8192

// place says where a row is in the table, and which batch of the window it belongs to.
type place struct {
	ctid pgtype.TID
	id   int64
	row  *logRow
}

// indexed tells whether the filters have an index of their own that leads to few rows.
func indexed(q event.Query) bool { return len(q.Topics) > 0 || q.EventID != "" }

// unfiltered tells whether the filters let every row pass.
func unfiltered(q event.Query) bool {
	return !indexed(q) && q.Source == "" && q.Since.IsZero() && q.Until.IsZero()
}

// find returns the places of the rows that a window of the log stored and that the filters let pass, in no order.
// tooMany says that there are more than maxFound, and that the caller should take a smaller window.
func (r *Reader) find(ctx context.Context, q event.Query, window []logRow) (found []place, tooMany bool, err error) {
	w := newWindow(window)
	switch {
	case w.stored == 0:
		return nil, false, nil
	case indexed(q):
		return r.findByIndex(ctx, q, w)
	}
	found, err = r.findByHeap(ctx, q, w)
	return found, false, err
}

func (r *Reader) findByIndex(ctx context.Context, q event.Query, w *window) (found []place, tooMany bool, err error) {
	s := &statement{query: q}
	limit := maxFound + 1
	if len(w.rows) == 1 {
		limit = postgres.BlockSize
	}
	read, _, err := r.places(ctx, w, byIndex(s, w, limit), s.args, &found)
	return found, len(w.rows) > 1 && read == limit, err
}

// findByHeap looks where the rows should be in the table. If it finds fewer than the log says were stored, it looks
// into their slices.
func (r *Reader) findByHeap(ctx context.Context, q event.Query, w *window) (found []place, err error) {
	for _, where := range []func(*statement, *window) string{byHeap, bySlices} {
		s := &statement{query: q}
		sql := where(s, w)
		if sql == "" {
			continue
		}
		found = found[:0]
		_, ours, err := r.places(ctx, w, sql, s.args, &found)
		if err != nil || ours == w.stored {
			return found, err
		}
	}
	return found, nil // fewer than were stored: somebody has deleted rows
}

// places runs a query for places, and adds those of the window that are wanted to found. It counts the rows that
// were read, and those of them that belong to the window.
func (r *Reader) places(ctx context.Context, w *window, sql string, args []any, found *[]place) (read, ours int, err error) {
	rows, err := r.pool.Query(ctx, sql, args...)
	if err != nil {
		return 0, 0, fmt.Errorf("find events: %w", err)
	}
	var p place
	var wanted bool
	_, err = pgx.ForEachRow(rows, []any{&p.ctid, &p.id, &wanted}, func() error {
		read++
		if p.row = w.rowOf(p.id); p.row == nil {
			return nil
		}
		ours++
		if wanted {
			*found = append(*found, p)
		}
		return nil
	})
	if err != nil {
		return 0, 0, fmt.Errorf("find events: %w", err)
	}
	return read, ours, nil
}
