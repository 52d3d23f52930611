package reader

import (
	"fmt"
	"strings"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// The queries for the places of rows. Each returns ctid, id, and whether the filters want the row.
//
// The index events_slices has two keys for each row: its slice, and its topic together with its block of ids. It finds
// all rows that have one of several keys, or both keys of one of several pairs. All other conditions are evaluated
// afterwards, behind an OFFSET 0, so that no plan uses another index for them.

const slicesInBlock = 1 << (postgres.BlockBits - postgres.SliceBits)

const (
	// maxPairs is how many pairs of a topic and a slice one query looks for by both keys. That finds no other rows,
	// but each pair is a scan of its own, which compares both keys with all entries of the index's pending list: a
	// quarter of a millisecond.
	maxPairs = 32

	// maxKeys bounds the keys of one query that looks into several blocks. Each key is compared with the pending list:
	// an eighth of a millisecond if that is half full.
	maxKeys = 64
)

// slicesAtOnce is how many slices one query looks into at most. The first query of a page looks into one, later
// ones into more while they find little.
func slicesAtOnce(q event.Query) int64 {
	return max(1, maxKeys/int64(max(1, len(q.Topics)))) * slicesInBlock
}

// rowsWith is the FROM item e of the rows whose keys meet a condition.
func rowsWith(condition string) string {
	return fmt.Sprintf("(SELECT ctid, * FROM ingot.events WHERE %s OFFSET 0) AS e", condition)
}

// withOneOf is the FROM item e of the rows that have one of the keys that a subquery lists.
func withOneOf(keys string) string {
	return rowsWith(fmt.Sprintf("%s && ARRAY(%s)", postgres.RowKeys, keys))
}

// withBoth is the FROM item e of the rows of the query's topics in these slices.
func (s *statement) withBoth(slices []int64) string {
	var pairs []string
	for _, slice := range slices {
		for _, topic := range s.query.Topics {
			pairs = append(pairs, fmt.Sprintf("%s @> ARRAY[%s::bigint, hashtextextended(%s, %s)]", postgres.RowKeys, s.arg(slice), s.arg(topic), s.arg(slice/slicesInBlock)))
		}
	}
	return rowsWith(strings.Join(pairs, " OR "))
}

// piecesOf is a subquery that lists the slices (SliceBits) or the blocks (BlockBits) of ranges of ids.
func (s *statement) piecesOf(bits int, los, his []int64) string {
	return fmt.Sprintf(`SELECT DISTINCT piece FROM unnest(%[2]s::bigint[], %[3]s::bigint[]) AS r (lo, hi),
		generate_series(r.lo >> %[1]d, r.hi >> %[1]d) AS piece`, bits, s.arg(los), s.arg(his))
}

// fewSlices lists the slices of ranges of ids, which are in order; ok is false if they are more than most.
func fewSlices(los, his []int64, most int) (few []int64, ok bool) {
	for i := range los {
		for slice := postgres.SliceOf(los[i]); slice <= postgres.SliceOf(his[i]); slice++ {
			if n := len(few); n > 0 && few[n-1] == slice {
				continue
			}
			if len(few) == most {
				return nil, false
			}
			few = append(few, slice)
		}
	}
	return few, true
}

// sparse tells whether slices, which are in order, are at most half of the slices of their blocks, as when several
// writers have a block each.
func sparse(slices []int64) bool {
	blocks := 0
	for i, slice := range slices {
		if i == 0 || slice/slicesInBlock != slices[i-1]/slicesInBlock {
			blocks++
		}
	}
	return 2*len(slices) <= slicesInBlock*blocks
}

// ofTopics is what follows FROM to find the rows of the query's topics in ranges of ids; it also finds some rows
// around the ranges. For many topics in one or two slices, which is how a page begins, it reads all rows of the slices.
func (s *statement) ofTopics(los, his []int64) string {
	rows, topics := "", len(s.query.Topics)
	slices, few := fewSlices(los, his, max(2, maxPairs/topics))
	switch {
	case few && topics*len(slices) <= maxPairs && sparse(slices):
		rows = s.withBoth(slices)
	case few && len(slices) <= 2:
		rows = withOneOf(s.piecesOf(postgres.SliceBits, los, his))
	default:
		rows = withOneOf(fmt.Sprintf("SELECT hashtextextended(t.topic, b.piece) FROM unnest(%s::text[]) AS t (topic), (%s) AS b",
			s.arg(s.query.Topics), s.piecesOf(postgres.BlockBits, los, his)))
	}
	return fmt.Sprintf("%s WHERE e.topic = ANY(%s)", rows, s.arg(s.query.Topics))
}

// indexed is what follows FROM to find rows by an index: those of the query's topics in ranges of ids, and some
// around the ranges, or else those of its event_id, whatever their id.
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

// byIndex is the query for rows of topics, or of an event_id. All rows that it finds are wanted.
func byIndex(s *statement, w *window, limit int) string {
	return fmt.Sprintf("SELECT e.ctid, e.id, true FROM %s AND %s AND %s LIMIT %d", s.indexed(w.los, w.his), s.within(w), s.filters(), limit)
}

// byHeap is the query for the rows where they should be in the table; "": that is not known.
func byHeap(s *statement, w *window) string {
	lo, hi := w.heapBlocks()
	if hi == 0 {
		return ""
	}
	return fmt.Sprintf(`SELECT e.ctid, e.id, %s FROM ingot.events AS e
		WHERE e.ctid >= '(%d,0)' AND e.ctid < '(%d,0)' AND %s`, s.filters(), lo, hi, s.within(w))
}

// bySlices is the query for all rows of the slices.
func bySlices(s *statement, w *window) string {
	return fmt.Sprintf("SELECT e.ctid, e.id, %s FROM %s WHERE %s", s.filters(), withOneOf(s.piecesOf(postgres.SliceBits, w.los, w.his)), s.within(w))
}

// statement gathers the arguments of a query.
type statement struct {
	query event.Query
	args  []any
}

func (s *statement) arg(value any) string {
	s.args = append(s.args, value)
	return fmt.Sprintf("$%d", len(s.args))
}

// filters is a condition of those filters that no index answers.
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

// within is a condition that limits rows to the ids from the window's first to its last.
func (s *statement) within(w *window) string {
	return fmt.Sprintf("e.id BETWEEN %s AND %s", s.arg(w.los[0]), s.arg(w.his[len(w.his)-1]))
}
