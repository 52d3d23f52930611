package postgres

import (
	"fmt"
	"strings"

	"ingot/internal/event"
)

// The queries for the places of rows: ctid, id, and whether the filters want it.
//
// The index events_slices knows two keys for a row, its slice and its topic in that
// slice. It answers with all rows that have one of some keys; whatever else is asked for
// is compared afterwards, behind an OFFSET 0, so that no plan takes another index for it.

// A slice is this many bits of ids: 8,192 of them. A frequent topic has some pages of rows in
// one, a rare topic costs a key for each.
const sliceBits = 13

func sliceOf(id int64) int64 { return id >> sliceBits }

// maxKeys bounds the keys of one query that looks into several slices. Each is held against
// the entries that are not in the tree yet: tens of microseconds, by estimate.
const maxKeys = 512

// slicesAtOnce is how many slices one query looks into at most. The first of a page looks
// into one, those behind it into more where there is little.
func slicesAtOnce(q event.Query) int64 { return max(1, maxKeys/int64(max(1, len(q.Topics)))) }

// bySliceKeys are the rows with one of the keys that a subquery lists, as a table e.
func bySliceKeys(keys string) string {
	return fmt.Sprintf(`(SELECT ctid, * FROM ingot.events
		WHERE ARRAY[id >> %[1]d, hashtextextended(topic, id >> %[1]d)] && ARRAY(%[2]s) OFFSET 0) AS e`, sliceBits, keys)
}

// slicesOf lists the slices of ranges of ids.
func (s *statement) slicesOf(los, his []int64) string {
	return fmt.Sprintf(`SELECT DISTINCT slice FROM unnest(%[2]s::bigint[], %[3]s::bigint[]) AS r (lo, hi),
		generate_series(r.lo >> %[1]d, r.hi >> %[1]d) AS slice`, sliceBits, s.arg(los), s.arg(his))
}

// ofTopics are the rows of the query's topics in ranges of ids, and some around them.
func (s *statement) ofTopics(los, his []int64) string {
	keys := fmt.Sprintf(`SELECT hashtextextended(t.topic, s.slice) FROM unnest(%s::text[]) AS t (topic), (%s) AS s (slice)`,
		s.arg(s.query.Topics), s.slicesOf(los, his))
	return fmt.Sprintf("%s WHERE e.topic = ANY(%s)", bySliceKeys(keys), s.arg(s.query.Topics))
}

// indexed are the rows that an index finds for the query in ranges of ids: those of its
// topics, and some around the ranges, or those of its event_id.
func (s *statement) indexed(los, his []int64) string {
	switch q := s.query; {
	case q.EventID == "":
		return s.ofTopics(los, his)
	case len(q.Topics) > 0:
		return fmt.Sprintf("ingot.events AS e WHERE e.event_id = %s AND e.topic = ANY(%s)", s.arg(q.EventID), s.arg(q.Topics))
	default:
		return fmt.Sprintf("ingot.events AS e WHERE e.event_id = %s", s.arg(q.EventID))
	}
}

// byIndex finds rows of topics, or of an event_id, all of them wanted.
func byIndex(s *statement, w *window, limit int) string {
	return fmt.Sprintf("SELECT e.ctid, e.id, true FROM %s AND %s AND %s LIMIT %d", s.indexed(w.los, w.his), s.within(w), s.filters(), limit)
}

func byBlocks(s *statement, w *window) string {
	lo, hi := w.blocks()
	if hi == 0 { // not known
		return ""
	}
	return fmt.Sprintf(`SELECT e.ctid, e.id, %s FROM ingot.events AS e
		WHERE e.ctid >= '(%d,0)' AND e.ctid < '(%d,0)' AND %s`, s.filters(), lo, hi, s.within(w))
}

func bySlices(s *statement, w *window) string {
	return fmt.Sprintf("SELECT e.ctid, e.id, %s FROM %s WHERE %s", s.filters(), bySliceKeys(s.slicesOf(w.los, w.his)), s.within(w))
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

// within keeps to the ids of a window.
func (s *statement) within(w *window) string {
	return fmt.Sprintf("e.id BETWEEN %s AND %s", s.arg(w.los[0]), s.arg(w.his[len(w.his)-1]))
}
