package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ingot/internal/event"
)

// A page is read in two steps: find.go finds the places of the rows that some
// batches of the log stored, fetch.go reads the rows in the order of the page. What
// is found is small, so that batches may be taken whole, and sorted here.
//
// Rows of some topics, or of one event_id, are found by their index. All others are
// looked for in three ways, until as many are found as the log says were stored:
//
//  1. where the table ended when their batch committed (heap_blocks). Most stand right
//     before; but a vacuum tells Postgres of the room at the end of old pages, and
//     small rows go there.
//  2. in each topic, by its index: two microseconds a topic.
//  3. by BRIN, where there are more topics than that is worth. It reads every page that
//     no vacuum has summarized, and those whose holes were filled (docs/decisions/0014).

const (
	// gapRead is how many foreign ids are read in vain rather than splitting a range.
	gapRead = 4096

	// maxTopicsAsked is how many topics are looked into for a batch that is not where it
	// should be: some 50 ms. A guess at where BRIN is no worse.
	maxTopicsAsked = 20_000

	// maxFound bounds what one step finds, unless it is one batch.
	maxFound = 8192
)

// place is where a row stands in the table, and to which batch of the window it
// belongs.
type place struct {
	ctid pgtype.TID
	id   int64
	row  *logRow
}

// indexed tells whether the filters lead to few rows by an index of their own.
func indexed(q event.Query) bool { return len(q.Topics) > 0 || q.EventID != "" }

// unfiltered tells whether the filters let every row pass.
func unfiltered(q event.Query) bool {
	return !indexed(q) && q.Source == "" && q.Since.IsZero() && q.Until.IsZero()
}

// find returns the places of the rows that a window of the log stored and that the
// filters let pass, in no order. tooMany says that there are more than maxFound, and
// that the window should be smaller.
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
	s := newStatement(q)
	limit := maxFound + 1
	if len(w.rows) == 1 {
		limit = BlockSize
	}
	from := ""
	// id + 0: the ids of the window only filter what the key leads to.
	inWindow := func() string {
		return fmt.Sprintf("e.id + 0 BETWEEN %s AND %s", s.arg(w.los[0]), s.arg(w.his[len(w.his)-1]))
	}
	switch {
	case q.EventID == "":
		from = fmt.Sprintf(`unnest(%s::bigint[], %s::bigint[]) AS r (lo, hi) CROSS JOIN unnest(%s::text[]) AS t (topic)
			CROSS JOIN LATERAL (SELECT ctid, * FROM ingot.events WHERE topic = t.topic AND id BETWEEN r.lo AND r.hi OFFSET 0) AS e WHERE true`,
			s.arg(w.los), s.arg(w.his), s.arg(q.Topics))
	case len(q.Topics) > 0:
		from = fmt.Sprintf("ingot.events AS e WHERE e.event_id = %s AND e.topic = ANY(%s) AND %s", s.arg(q.EventID), s.arg(q.Topics), inWindow())
	default:
		from = fmt.Sprintf("ingot.events AS e WHERE e.event_id = %s AND %s", s.arg(q.EventID), inWindow())
	}
	read, _, err := r.places(ctx, w, fmt.Sprintf("SELECT e.ctid, e.id, true FROM %s AND %s LIMIT %d", from, s.filters(), limit), s.args, &found)
	return found, len(w.rows) > 1 && read == limit, err
}

// findByHeap looks where the rows should stand, then topic by topic, then by BRIN, until
// as many are found as the log says.
func (r *Reader) findByHeap(ctx context.Context, q event.Query, w *window) (found []place, err error) {
	for _, where := range []func(*statement, *window) string{byBlocks, byTopics, byBRIN} {
		s := newStatement(q)
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

func byBlocks(s *statement, w *window) string {
	lo, hi := w.blocks()
	if hi == 0 {
		return ""
	}
	// id + 0: no index may be taken for it, so that what is left is a scan of a range of blocks.
	return fmt.Sprintf(`SELECT e.ctid, e.id, %s FROM ingot.events AS e
		WHERE e.ctid >= '(%d,0)' AND e.ctid < '(%d,0)' AND e.id + 0 BETWEEN %s AND %s`, s.filters(), lo, hi, s.arg(w.los[0]), s.arg(w.his[len(w.his)-1]))
}

func byTopics(s *statement, w *window) string {
	return fmt.Sprintf(`SELECT e.ctid, e.id, %s FROM unnest(%s::bigint[], %s::bigint[]) AS r (lo, hi)
		CROSS JOIN (SELECT topic FROM ingot.topics LIMIT %d) AS t
		CROSS JOIN LATERAL (SELECT ctid, * FROM ingot.events WHERE topic = t.topic AND id BETWEEN r.lo AND r.hi OFFSET 0) AS e`, s.filters(), s.arg(w.los), s.arg(w.his), maxTopicsAsked)
}

func byBRIN(s *statement, w *window) string {
	return fmt.Sprintf(`SELECT e.ctid, e.id, %s FROM unnest(%s::bigint[], %s::bigint[]) AS r (lo, hi)
		CROSS JOIN LATERAL (SELECT ctid, * FROM ingot.events WHERE id BETWEEN r.lo AND r.hi OFFSET 0) AS e`, s.filters(), s.arg(w.los), s.arg(w.his))
}

// The OFFSET 0 in these queries keeps the ranges inside of the scan: the planner
// would read whole topics first and compare the ids afterwards.

// places adds the rows of the window that are wanted, and counts those that were
// read and those that are the window's.
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

// window is some rows of the log, sorted by their ids.
type window struct {
	rows     []*logRow
	stored   int
	los, his []int64 // ranges of their ids
}

func newWindow(log []logRow) *window {
	w := &window{}
	for i := range log {
		if log[i].stored > 0 {
			w.rows = append(w.rows, &log[i])
			w.stored += log[i].stored
		}
	}
	slices.SortFunc(w.rows, func(a, b *logRow) int { return cmp.Compare(a.first, b.first) })
	for _, l := range w.rows {
		if n := len(w.his); n > 0 && l.first <= w.his[n-1]+gapRead {
			w.his[n-1] = l.last
			continue
		}
		w.los, w.his = append(w.los, l.first), append(w.his, l.last)
	}
	return w
}

// rowOf is the batch that an id belongs to; nil: none of the window.
func (w *window) rowOf(id int64) *logRow {
	i := sort.Search(len(w.rows), func(i int) bool { return w.rows[i].last >= id })
	if i == len(w.rows) || w.rows[i].first > id {
		return nil
	}
	return w.rows[i]
}

// blocks is where the rows of the window should stand: lo..hi-1; hi is 0 when that
// is not known. A page holds some 25 events of 300 bytes; other writers' rows stand
// between, and pages that a writer has begun are filled later.
func (w *window) blocks() (lo, hi int64) {
	lo = w.rows[0].blocks
	for _, l := range w.rows {
		if l.blocks == 0 {
			return 0, 0
		}
		lo, hi = min(lo, l.blocks-int64(32+l.stored/4)), max(hi, l.blocks)
	}
	return max(lo, 0), hi
}

// statement gathers the arguments of a query.
type statement struct {
	query event.Query
	args  []any
}

func newStatement(q event.Query) *statement { return &statement{query: q} }

func (s *statement) arg(value any) string {
	s.args = append(s.args, value)
	return fmt.Sprintf("$%d", len(s.args))
}

// filters are those that no index answers.
func (s *statement) filters() string {
	where := []string{"true"}
	if s.query.Source != "" {
		where = append(where, "e.source = "+s.arg(s.query.Source))
	}
	if !s.query.Since.IsZero() {
		where = append(where, "e.received_at >= "+s.arg(s.query.Since))
	}
	if !s.query.Until.IsZero() {
		where = append(where, "e.received_at < "+s.arg(s.query.Until))
	}
	return strings.Join(where, " AND ")
}
