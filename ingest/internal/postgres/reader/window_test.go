package reader

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestFuzzySearchLimit: a database whose text search is content with some of the rows loses none
// of ours.
func TestFuzzySearchLimit(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	const n = 2000
	group := storetest.Group()
	for i := range n {
		e := storetest.Event(fmt.Sprint(i))
		e.Topic = "frequent"
		group.Events = append(group.Events, e)
	}
	if _, err := newWriter(t, url).Merge(t.Context(), event.Batch{Groups: []event.Group{group}}, func() {}); err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, conn, "VACUUM ingot.events") // from the list into the tree
	pgtest.Exec(t, conn, "ALTER DATABASE "+pgx.Identifier{conn.Config().Database}.Sanitize()+" SET gin_fuzzy_search_limit = 100")
	if got := storetest.Walk(t, newReader(t, url), event.Query{Feed: true, Topics: []string{"frequent"}, Limit: 1000}); len(got) != n {
		t.Errorf("%d events of %d", len(got), n)
	}
}

// TestPagesAcrossSlices: batches that lie in two slices, slices with nothing of a topic,
// and gaps of many slices where connections have left their blocks.
func TestPagesAcrossSlices(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	a, b := newWriter(t, url), newWriter(t, url)
	topicOf := func(n int) string {
		switch {
		case n%4000 == 77 || n > 29_990: // the last ones are there when nothing else is
			return "rare"
		case n > 9000 && n < 9010:
			return "once"
		}
		return "frequent"
	}
	var order []string
	for n := 0; n < 30_000; {
		var events []event.Event
		for range 1500 {
			e := storetest.Event(fmt.Sprintf("%05d", n))
			e.Topic = topicOf(n)
			events = append(events, e)
			order = append(order, e.Topic+"/"+e.ID)
			n++
		}
		w := a
		if n > 15_000 {
			w = b
		}
		if _, err := w.Merge(t.Context(), event.Batch{Groups: []event.Group{storetest.Group(events...)}}, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	r, conn := newReader(t, url), pgtest.Client(t, url)
	for _, hint := range []string{"heap_blocks", "0"} {
		pgtest.Exec(t, conn, "UPDATE ingot.batches SET heap_blocks = "+hint)
		for _, topics := range [][]string{nil, {"rare"}, {"once"}, {"rare", "once", "none"}, {"none"}, append(manyTopics(), "rare")} {
			want := order
			if topics != nil {
				want = only(order, func(k string) bool { return slices.Contains(topics, k[:strings.Index(k, "/")]) })
			}
			for _, limit := range []int{3, 1000} {
				if topics == nil && limit == 3 {
					continue // 10,000 pages
				}
				if diff := cmp.Diff(want, storetest.Walk(t, r, event.Query{Feed: true, Limit: limit, Topics: topics}), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("feed of %v, hint %s, limit %d: %s", topics, hint, limit, diff)
				}
				newest := storetest.Walk(t, r, event.Query{Limit: limit, Topics: topics})
				slices.Reverse(newest)
				if diff := cmp.Diff(want, newest, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("newest of %v, hint %s, limit %d: %s", topics, hint, limit, diff)
				}
			}
		}
	}
}

// manyTopics are more than are asked for one by one.
func manyTopics() (topics []string) {
	for i := range maxPairs + 1 {
		topics = append(topics, fmt.Sprintf("topic-%d", i))
	}
	return topics
}

// TestFewSlices: ranges that meet in a slice count it once.
func TestFewSlices(t *testing.T) {
	t.Parallel()
	const size = 1 << postgres.SliceBits
	for name, c := range map[string]struct {
		los, his []int64
		want     []int64 // nil: too many
	}{
		"one id":               {[]int64{5}, []int64{5}, []int64{0}},
		"two ranges, a slice":  {[]int64{5, 100}, []int64{50, size - 1}, []int64{0}},
		"over the edge":        {[]int64{size - 1}, []int64{size}, []int64{0, 1}},
		"far apart":            {[]int64{1, 9 * size, 9*size + 7}, []int64{2, 9 * size, 9*size + 9}, []int64{0, 9}},
		"as many as there may": {[]int64{0}, []int64{3*size - 1}, []int64{0, 1, 2}},
		"one more":             {[]int64{0}, []int64{3 * size}, nil},
		"all there are":        {[]int64{0}, []int64{1 << 62}, nil},
	} {
		got, ok := fewSlices(c.los, c.his, 3)
		if ok != (c.want != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
}

// TestSparse: where most slices of a block are in question, the block is asked for.
func TestSparse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		slices []int64
		want   bool
	}{
		"one":                   {[]int64{5}, true},
		"half of a block":       {[]int64{8, 9, 10, 11}, true},
		"more than half":        {[]int64{8, 9, 10, 11, 12}, false},
		"the ends of two":       {[]int64{7, 8}, true},
		"one and a bit":         {[]int64{8, 9, 10, 11, 12, 13, 14, 15, 16}, false},
		"a few of many writers": {[]int64{0, 1, 80, 81, 160, 240, 320, 400, 401}, true},
	} {
		if sparse(c.slices) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
}

// TestSlicesAreFoundByTheirIndex: rows of a topic, and those that are not where they
// should be, also where the planner believes that there are many.
func TestSlicesAreFoundByTheirIndex(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 60)
	pgtest.Exec(t, pgtest.Client(t, url), "ANALYZE ingot.events")
	r := newReader(t, url)
	log, err := r.log(t.Context(), "ORDER BY commit_seq")
	if err != nil {
		t.Fatal(err)
	}
	w, one := newWindow(log), newWindow(log[:1])
	window := func(s *statement) string { return byIndex(s, w, 10) }
	slice := func(s *statement) string { return byIndex(s, one, 10) }
	few := []string{"rare", "frequent"}
	for name, c := range map[string]struct {
		topics []string
		query  func(*statement) string
		keys   string // how rows are asked for
	}{
		"topics in slices":       {few, window, "@> ARRAY["},
		"many topics in a slice": {manyTopics(), slice, "&& ARRAY(SELECT DISTINCT piece"},
		"blocks of topics":       {few, func(s *statement) string { return s.newest("true", 1, 1<<20, 10) }, "&& ARRAY(SELECT hashtextextended"},
		"slices":                 {few, func(s *statement) string { return bySlices(s, w) }, "&& ARRAY(SELECT DISTINCT piece"},
	} {
		s := &statement{query: event.Query{Topics: c.topics}}
		sql := c.query(s)
		rows, err := r.pool.Query(t.Context(), "EXPLAIN "+sql, s.args...)
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, sql)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		text := strings.Join(plan, "\n")
		if err != nil || !strings.Contains(text, "Bitmap Index Scan on events_slices") || strings.Contains(text, "pkey") || !strings.Contains(sql, c.keys) {
			t.Errorf("%s: %v\n%s\n%s", name, err, sql, text)
		}
	}
}
