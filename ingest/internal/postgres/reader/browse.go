package reader

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// maxScanned is how many rows one query by an index reads when it also has a filter that no index answers, which may
// refuse all of these rows. A guess.
const maxScanned = 4096

// browse reads a page newest first, by id. If a filter has an index, that index is asked at once; otherwise the
// commit log tells which ids exist.
func (r *Reader) browse(ctx context.Context, q event.Query) (event.Page, error) {
	below, err := event.ParseBrowseCursor(q.Cursor)
	if err != nil {
		return event.Page{}, err
	}
	s, err := r.span(ctx, q)
	if err != nil {
		return event.Page{}, err
	}
	lo, hi, err := r.idsOf(ctx, s)
	if err != nil {
		return event.Page{}, err
	}
	b := newPage(q)
	below = min(below-1, hi) + 1 // min(below, hi+1), but hi+1 could overflow
	more := below > lo
	for logRows, slices := firstLogRows, int64(1); more && !b.full(); logRows = min(4*logRows, maxLogRows) {
		switch before := b.room(); {
		case q.EventID != "":
			below, more, err = r.browseIndex(ctx, b, lo, below)
		case len(q.Topics) > 0: // slice by slice: the newest first, and several at once after one that had little
			from := max(lo, (postgres.SliceOf(below-1)-slices+1)<<postgres.SliceBits)
			if below, more, err = r.browseIndex(ctx, b, from, below); err == nil && !more {
				below, more = from, from > lo
			}
			if found := before - b.room(); 4*found < before {
				slices = min(8*slices, slicesAtOnce(q))
			}
		default:
			below, more, err = r.browseLog(ctx, b, lo, below, logRows)
		}
		if err != nil {
			return event.Page{}, err
		}
	}
	if more {
		b.page.Next = event.BrowseCursor(below)
	}
	return b.page, nil
}

// browseIndex reads the rows with ids from lo up to, but without, below. It finds them by the index on topics or by
// that on event_id. Everything from the id that it returns upwards is settled; more says whether rows may be left below
// it.
func (r *Reader) browseIndex(ctx context.Context, b *pageBuilder, lo, below int64) (settled int64, more bool, err error) {
	b.steps++
	s := &statement{query: b.query}
	limit := b.room()
	wanted := s.filters()
	if wanted != "true" {
		limit = maxScanned
	}
	rows, err := r.pool.Query(ctx, s.newest(wanted, lo, below, limit), s.args...)
	if err != nil {
		return 0, false, fmt.Errorf("browse: %w", err)
	}
	var found []place
	var p place
	var want bool
	read := 0
	settled = below
	_, err = pgx.ForEachRow(rows, []any{&p.ctid, &p.id, &want}, func() error {
		read++
		settled = p.id
		if want {
			found = append(found, p)
		}
		return nil
	})
	if err != nil {
		return 0, false, fmt.Errorf("browse: %w", err)
	}
	return r.settle(ctx, b, found, settled, read == limit)
}

// newest is the query for the places of the newest rows by an index.
func (s *statement) newest(wanted string, lo, below int64, limit int) string {
	return fmt.Sprintf("SELECT e.ctid, e.id, %s FROM %s AND e.id >= %s AND e.id < %s ORDER BY e.id DESC LIMIT %d",
		wanted, s.indexed([]int64{lo}, []int64{below - 1}), s.arg(lo), s.arg(below), limit)
}

// logBelow selects the batches whose first_id is below $1 and not below $2, which is itself the first_id of a
// batch. So the index on first_id knows where the range ends, and if the range has few batches, older ones are not
// read. It skips void rows: one that stands between the ids of a batch would make the batch's last events count as
// settled.
const logBelow = "WHERE first_id < $1 AND first_id >= $2 AND received > 0 ORDER BY first_id DESC LIMIT $3"

// browseLog does the same with the log: it goes through the batches below an id, from the newest down.
func (r *Reader) browseLog(ctx context.Context, b *pageBuilder, lo, below int64, logRows int) (settled int64, more bool, err error) {
	log, err := r.log(ctx, logBelow, below, lo, logRows)
	if err != nil {
		return 0, false, err
	}
	more = len(log) == logRows
	for len(log) > 0 {
		if b.full() {
			return below, true, nil
		}
		step := b.step(log, firstStepIDs)
		log = log[len(step):]
		b.steps++
		found, _, err := r.find(ctx, b.query, step)
		if err != nil {
			return 0, false, err
		}
		found = slices.DeleteFunc(found, func(p place) bool { return p.id >= below })
		slices.SortFunc(found, func(a, b place) int { return cmp.Compare(b.id, a.id) })
		end := step[len(step)-1].first
		if below, _, err = r.settle(ctx, b, found, end, true); err != nil || below > end {
			return below, true, err
		}
	}
	return below, more, nil
}

// settle fetches the rows that were found, newest first. Everything from the returned id upwards is settled: this is
// end if the page had room for all rows, or else the id of the last event that it had room for.
func (r *Reader) settle(ctx context.Context, b *pageBuilder, found []place, end int64, more bool) (int64, bool, error) {
	before := len(b.page.Events)
	if err := r.fetch(ctx, b, found); err != nil {
		return 0, false, err
	}
	taken := b.page.Events[before:]
	if len(taken) == len(found) {
		return end, more, nil
	}
	if len(taken) > 0 {
		return taken[len(taken)-1].Position.ID, true, nil
	}
	return found[0].id + 1, true, nil
}
