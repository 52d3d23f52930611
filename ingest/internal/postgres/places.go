package postgres

import (
	"fmt"
	"strings"

	"ingot/internal/event"
)

// The queries for the places of rows: ctid, id, and whether the filters want it. The
// OFFSET 0 in them keeps the ranges inside of the scan: the planner would read whole
// topics first and compare the ids afterwards.

// maxTopicsAsked is how many topics are looked into for a batch that is not where it
// should be: some 50 ms. A guess at where BRIN is no worse.
const maxTopicsAsked = 20_000

// byIndex finds rows of topics, or of an event_id, all of them wanted.
func byIndex(s *statement, w *window, limit int) string {
	var from string
	switch q := s.query; {
	case q.EventID == "":
		from = fmt.Sprintf(`unnest(%s::bigint[], %s::bigint[]) AS r (lo, hi) CROSS JOIN unnest(%s::text[]) AS t (topic)
			CROSS JOIN LATERAL (SELECT ctid, * FROM ingot.events WHERE topic = t.topic AND id BETWEEN r.lo AND r.hi OFFSET 0) AS e WHERE true`,
			s.arg(w.los), s.arg(w.his), s.arg(q.Topics))
	case len(q.Topics) > 0:
		from = fmt.Sprintf("ingot.events AS e WHERE e.event_id = %s AND e.topic = ANY(%s) AND %s", s.arg(q.EventID), s.arg(q.Topics), s.within(w))
	default:
		from = fmt.Sprintf("ingot.events AS e WHERE e.event_id = %s AND %s", s.arg(q.EventID), s.within(w))
	}
	return fmt.Sprintf("SELECT e.ctid, e.id, true FROM %s AND %s LIMIT %d", from, s.filters(), limit)
}

func byBlocks(s *statement, w *window) string {
	lo, hi := w.blocks()
	if hi == 0 { // not known
		return ""
	}
	return fmt.Sprintf(`SELECT e.ctid, e.id, %s FROM ingot.events AS e
		WHERE e.ctid >= '(%d,0)' AND e.ctid < '(%d,0)' AND %s`, s.filters(), lo, hi, s.within(w))
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

// within keeps to the ids of a window. id + 0: no index may be taken for it, so that
// what else is asked for (a key, a range of blocks) is what is scanned.
func (s *statement) within(w *window) string {
	return fmt.Sprintf("e.id + 0 BETWEEN %s AND %s", s.arg(w.los[0]), s.arg(w.his[len(w.his)-1]))
}
