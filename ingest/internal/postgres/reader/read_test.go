package reader

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

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

// filled writes a history with three writers, a batch a minute, and returns the keys in commit order.
func filled(t *testing.T, url string, batches int) (order []string) {
	t.Helper()
	order = storetest.History(t, batches, newWriter(t, url), newWriter(t, url), newWriter(t, url))
	pgtest.Exec(t, pgtest.Client(t, url), "UPDATE ingot.batches SET committed_at = '2026-01-01 00:00:01Z'::timestamptz + (commit_seq - 1) * interval '1 minute'")
	return order
}

func only(keys []string, keep func(key string) bool) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !keep(k) })
}

// TestPages: feed order is commit order; browsing is the same set by id; filters
// take out of it what they say, whatever the page's size.
func TestPages(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	order := filled(t, url, 200)
	r := newReader(t, url)
	sorted := slices.Sorted(slices.Values(order))
	rare := func(k string) bool { return strings.HasPrefix(k, "rare/") }
	for _, limit := range []int{1, 7, 100, 1000} {
		if diff := cmp.Diff(order, storetest.Walk(t, r, event.Query{Feed: true, Limit: limit})); diff != "" {
			t.Errorf("feed, limit %d: %s", limit, diff)
		}
		if diff := cmp.Diff(only(order, rare), storetest.Walk(t, r, event.Query{Feed: true, Limit: limit, Topics: []string{"rare"}})); diff != "" {
			t.Errorf("feed of rare, limit %d: %s", limit, diff)
		}
		if diff := cmp.Diff(sorted, slices.Sorted(slices.Values(storetest.Walk(t, r, event.Query{Limit: limit})))); diff != "" {
			t.Errorf("browse, limit %d: %s", limit, diff)
		}
		got := storetest.Walk(t, r, event.Query{Limit: limit, Topics: []string{"rare"}})
		if diff := cmp.Diff(slices.Sorted(slices.Values(only(order, rare))), slices.Sorted(slices.Values(got))); diff != "" {
			t.Errorf("browse rare, limit %d: %s", limit, diff)
		}
	}
	if diff := cmp.Diff(order, storetest.Walk(t, r, event.Query{Feed: true, Limit: 1000, MaxBytes: 100})); diff != "" {
		t.Errorf("feed in pages of 100 bytes: %s", diff)
	}
	if diff := cmp.Diff(sorted, slices.Sorted(slices.Values(storetest.Walk(t, r, event.Query{Limit: 1000, MaxBytes: 300})))); diff != "" {
		t.Errorf("browse in pages of 300 bytes: %s", diff)
	}
}

// TestPagesWhateverTheURLAsksFor: rows of the log are decoded from the binary format.
func TestPagesWhateverTheURLAsksFor(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 60)
	for _, asked := range []string{"simple_protocol", "exec", "cache_describe", "exec&statement_cache_capacity=0"} {
		r := newReader(t, url+"&default_query_exec_mode="+asked)
		page, err := r.Events(t.Context(), event.Query{Feed: true, Limit: 10, MaxBytes: 1 << 20})
		if err != nil || len(page.Events) == 0 {
			t.Errorf("%s: %d events, %v", asked, len(page.Events), err)
		}
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 60)
	r, conn := newReader(t, url), pgtest.Client(t, url)
	at := func(minute int) time.Time { return time.Date(2026, 1, 1, 0, minute, 0, 0, time.UTC) }
	for where, q := range map[string]event.Query{
		"true":                             {},
		"source = 's1'":                    {Source: "s1"},
		"topic = 'rare' AND source = 's0'": {Topics: []string{"rare"}, Source: "s0"},
		"topic IN ('rare', 'frequent')":    {Topics: []string{"rare", "frequent"}},
		"topic IN ('rare', 'none') AND source = 's0' AND received_at < '2026-01-01 00:20:00Z'": {Topics: []string{"none", "rare"}, Source: "s0", Until: at(20)},
		"event_id = '00010' AND topic IN ('rare', 'frequent')":                                 {EventID: "00010", Topics: []string{"rare", "frequent"}},
		"received_at >= '2026-01-01 00:40:00Z' AND topic = 'rare'":                             {Since: at(40), Topics: []string{"rare"}},
		"topic = 'none'":                                                        {Topics: []string{"none"}},
		"event_id = '00010'":                                                    {EventID: "00010"},
		"event_id = '00010' AND topic = 'rare'":                                 {EventID: "00010", Topics: []string{"rare"}},
		"received_at >= '2026-01-01 00:20:00Z'":                                 {Since: at(20)},
		"received_at < '2026-01-01 00:20:00Z'":                                  {Until: at(20)},
		"received_at BETWEEN '2026-01-01 00:20:00Z' AND '2026-01-01 00:29:00Z'": {Since: at(20), Until: at(30)},
	} {
		want := int(pgtest.Number(t, conn, "SELECT count(*) FROM ingot.events WHERE "+where))
		for _, feed := range []bool{true, false} {
			q.Feed, q.Limit = feed, 13
			if got := storetest.Walk(t, r, q); len(got) != want {
				t.Errorf("%s, feed %v: %d events, want %d", where, feed, len(got), want)
			}
		}
	}
}

// TestWhereTheTableEndedIsAHint: whatever the log says of where rows stand, the pages
// are the same.
func TestWhereTheTableEndedIsAHint(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	order := filled(t, url, 120)
	r, conn := newReader(t, url), pgtest.Client(t, url)
	for _, hint := range []string{"heap_blocks", "0", "1", "heap_blocks + 100000", "CASE commit_seq % 3 WHEN 0 THEN 0 WHEN 1 THEN 1 ELSE 9 END"} {
		pgtest.Exec(t, conn, "UPDATE ingot.batches SET heap_blocks = "+hint)
		for _, limit := range []int{7, 1000} {
			if diff := cmp.Diff(order, storetest.Walk(t, r, event.Query{Feed: true, Limit: limit})); diff != "" {
				t.Errorf("feed, hint %s: %s", hint, diff)
			}
			if got := storetest.Walk(t, r, event.Query{Limit: limit}); len(got) != len(order) {
				t.Errorf("browse, hint %s: %d events, want %d", hint, len(got), len(order))
			}
		}
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

// TestSpan: since and until leave out the batches that are more than the slack of the
// clocks away, and no other.
func TestSpan(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 60)
	r := newReader(t, url)
	at := func(minute, second int) time.Time { return time.Date(2026, 1, 1, 0, minute, second, 0, time.UTC) }
	for _, c := range []struct {
		since, until time.Time
		begin, end   int64
	}{
		{at(30, 0), at(40, 0), 20, 50}, // batch n is committed at minute n-1, second 1
		{at(30, 1), at(40, 1), 20, 50},
		{at(30, 2), at(40, 2), 21, 51},
		{at(5, 0), at(100, 0), 0, 60},
		{at(100, 0), at(200, 0), 60, 60},
		{at(-60, 0), at(-50, 0), 0, 0},
	} {
		s, err := r.span(t.Context(), event.Query{Since: c.since, Until: c.until})
		if err != nil || s.begin.Commit != c.begin || s.until != c.end {
			t.Errorf("%v to %v: %+v %v, want batches behind %d up to %d", c.since, c.until, s, err, c.begin, c.end)
		}
	}
}

// TestTheEndsOfASpan: an event whose batch was committed as long before or after it as the clocks may differ is on the
// pages of since and until, whether its batch has the least id of them, the greatest, or neither.
func TestTheEndsOfASpan(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	filled(t, url, 60)
	r, conn := newReader(t, url), pgtest.Client(t, url)
	since, until := time.Date(2026, 1, 1, 0, 30, 0, 0, time.UTC), time.Date(2026, 1, 1, 0, 35, 0, 0, time.UTC)
	for batch, received := range map[int]time.Time{21: since, 45: until.Add(-time.Microsecond)} { // committed at 00:20:01 and 00:44:01
		pgtest.Exec(t, conn, "UPDATE ingot.events AS e SET received_at = $1 FROM ingot.batches AS b WHERE b.commit_seq = $2 AND e.id BETWEEN b.first_id AND b.last_id", received, batch)
	}
	for _, topics := range [][]string{nil, {"frequent"}} {
		rows, err := conn.Query(t.Context(), `SELECT e.topic || '/' || e.event_id FROM ingot.events AS e JOIN ingot.batches AS b ON e.id BETWEEN b.first_id AND b.last_id
			WHERE received_at >= $1 AND received_at < $2 AND ($3::text[] IS NULL OR e.topic = ANY($3)) ORDER BY commit_seq, id`, since, until, topics)
		if err != nil {
			t.Fatal(err)
		}
		want, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		for _, limit := range []int{1, 1000} {
			q := event.Query{Feed: true, Limit: limit, Topics: topics, Since: since, Until: until}
			if diff := cmp.Diff(want, storetest.Walk(t, r, q)); diff != "" {
				t.Errorf("feed of %v, limit %d: %s", topics, limit, diff)
			}
			q.Feed = false
			if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(storetest.Walk(t, r, q)))); diff != "" {
				t.Errorf("newest of %v, limit %d: %s", topics, limit, diff)
			}
		}
	}
}

// TestNothingOlderIsGoneThrough: a log has millions of batches, and those of since and until, wherever they lie, are found
// by the bounds of an index alone. A filter behind an index would refuse all the others, but for that of void rows, which
// are few.
func TestNothingOlderIsGoneThrough(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, `INSERT INTO ingot.batches SELECT n, 2 * n, 2 * n + 1, 2, 0, 2 * n, 0, gen_random_uuid(), now() - interval '1 day' + n * interval '1 second', 0, NULL, n % 64 = 0 FROM generate_series(1, 50000) AS n`)
	pgtest.Exec(t, conn, "ANALYZE ingot.batches")
	r := newReader(t, url)
	for name, c := range map[string]struct {
		sql  string
		args []any
	}{
		"ids of a span": {idsQuery, []any{int64(48_000), int64(49_000), int64(49_000), int64(49_500), int64(math.MaxInt64)}},
		"batches of it": {"SELECT " + logColumns + " FROM ingot.batches " + logBelow, []any{int64(99_000), int64(98_990), 64}},
	} {
		rows, err := r.pool.Query(t.Context(), "EXPLAIN "+c.sql, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if text := strings.ReplaceAll(strings.Join(plan, "\n"), "Filter: (received > 0)", ""); err != nil || strings.Contains(text, "Filter:") || strings.Contains(text, "Seq Scan") {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
}

// TestIDsOfSpans: the least id and the greatest are found by the ends of a span alone, though
// several connections commit, each with ids of blocks that it drew up to half an hour before.
func TestIDsOfSpans(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	r := newReader(t, url)
	random := rand.New(rand.NewPCG(1, 2))
	type conn struct {
		opened     time.Time
		next, last int64
	}
	type row struct {
		first, last int64
		at          time.Time
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	conns, log, blocks := make([]conn, 3), []row{}, int64(0)
	sql := strings.Builder{}
	for len(log) < 1500 {
		now = now.Add(time.Duration(random.ExpFloat64() * float64(20*time.Second)))
		if random.IntN(200) == 0 {
			now = now.Add(3 * time.Hour) // nobody sends
		}
		c := &conns[min(random.IntN(20), 2)] // two commit rarely
		n := int64(1 + random.IntN(9000))
		if c.last-c.next < n || now.Sub(c.opened) > postgres.SessionLifetime {
			if now.Sub(c.opened) > postgres.SessionLifetime {
				c.opened = now
			}
			*c = conn{c.opened, blocks*postgres.BlockSize + 1, (blocks + 1) * postgres.BlockSize}
			blocks++
		}
		log = append(log, row{c.next, c.next + n - 1, now})
		fmt.Fprintf(&sql, "INSERT INTO ingot.batches VALUES (%d, %d, %d, %d, 0, 0, 0, gen_random_uuid(), '%s', 0);", len(log), c.next, c.next+n-1, n, now.Format(time.RFC3339Nano))
		c.next += n
	}
	pgtest.Exec(t, pgtest.Client(t, url), sql.String())
	mixed, parts := 0, 0
	for range 300 {
		begin := random.IntN(len(log))
		end := begin + random.IntN(len(log)-begin+1)
		s := span{begin: event.Position{Commit: int64(begin)}, until: int64(end)}
		switch random.IntN(6) {
		case 0:
			end, s.until = len(log), math.MaxInt64
		case 1:
			begin, s.begin.Commit = 0, 0
		}
		lo, hi := int64(1), int64(0)
		for i, l := range log[begin:end] {
			if i == 0 || l.first < lo {
				lo = l.first
			}
			hi = max(hi, l.last)
		}
		gotLo, gotHi, err := r.idsOf(t.Context(), s)
		if err != nil || gotLo != lo || gotHi != hi {
			t.Errorf("batches behind %d up to %d: ids %d to %d, %v, want %d to %d", begin, end, gotLo, gotHi, err, lo, hi)
		}
		if begin < end && (lo != log[begin].first || hi != log[end-1].last) {
			mixed++
		}
		head, err := r.head(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		tail, err := r.tail(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if begin < int(head) && head < tail && int(tail) < end {
			parts++
		}
	}
	if mixed < 50 || parts < 50 {
		t.Errorf("%d spans whose ends are not in order, %d with something between head and tail: too few to tell", mixed, parts)
	}
}

// TestEvent reads one event by its key.
func TestEvent(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	storetest.Merge(t, newWriter(t, url), "1", "2")
	r := newReader(t, url)
	e, there, err := r.Event(t.Context(), "t", "2")
	if err != nil || !there || e.Event.ID != "2" || e.Topic != "t" || e.Payload != `{"id":"2"}` || e.ReceivedAt.IsZero() {
		t.Errorf("%+v %v %v", e, there, err)
	}
	pgtest.Exec(t, pgtest.Client(t, url), "INSERT INTO ingot.events SELECT event_id, 'u', 999, source, timestamp, received_at, payload FROM ingot.events")
	if e, there, err := r.Event(t.Context(), "u", "2"); err != nil || !there || e.Event.ID != "2" || e.Topic != "u" {
		t.Errorf("of another topic: %+v %v %v", e, there, err)
	}
	for _, key := range [][2]string{{"2", "t"}, {"tt", "2"}, {"t", "3"}} {
		if _, there, err := r.Event(t.Context(), key[0], key[1]); err != nil || there {
			t.Errorf("%s, which is not there: %v %v", key, there, err)
		}
	}
}

// TestOneIDInManyTopics: more of them than one search finds hide none.
func TestOneIDInManyTopics(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	pgtest.Exec(t, pgtest.Client(t, url), fmt.Sprintf(`
		INSERT INTO ingot.events SELECT 'x', 'topic-' || n, n, 's', now(), now(), '0' FROM generate_series(1, %[1]d) AS n;
		INSERT INTO ingot.events VALUES ('x', 'zzz', %[1]d + 1, 's', now(), now(), '0');
		INSERT INTO ingot.batches VALUES (1, 1, %[1]d, %[1]d, %[1]d, %[1]d, %[1]d, gen_random_uuid(), now(), 0),
			(2, %[1]d + 1, %[1]d + 1, 1, 1, %[1]d + 1, %[1]d + 1, gen_random_uuid(), now(), 0)`, postgres.BlockSize))
	r := newReader(t, url)
	log, err := r.log(t.Context(), "ORDER BY commit_seq")
	if err != nil {
		t.Fatal(err)
	}
	for _, topics := range [][]string{nil, {"zzz"}} {
		if got := storetest.Walk(t, r, event.Query{Feed: true, EventID: "x", Topics: topics, Limit: 10, Cursor: log[0].end().Cursor()}); !slices.Equal(got, []string{"zzz/x"}) {
			t.Errorf("topics %v: behind the first batch: %v", topics, got)
		}
	}
}

// TestABatchOverAStep: of one batch that holds more than a step finds, every event is read by its topic.
func TestABatchOverAStep(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	var keys, want []string
	for i := range maxFound + 100 {
		keys = append(keys, fmt.Sprintf("%05d", i))
		want = append(want, "t/"+keys[i])
	}
	storetest.Merge(t, newWriter(t, url), keys...)
	r := newReader(t, url)
	if got := storetest.Walk(t, r, event.Query{Feed: true, Topics: []string{"t"}, Limit: 2000}); !slices.Equal(got, want) {
		t.Errorf("the feed has %d events, want %d in their order", len(got), len(want))
	}
	slices.Reverse(want)
	if got := storetest.Walk(t, r, event.Query{Topics: []string{"t"}, Limit: 2000}); !slices.Equal(got, want) {
		t.Errorf("newest first there are %d events, want %d in their order", len(got), len(want))
	}
}

// TestMoreThanAStepFinds: once steps have found little they take many batches, and these may have more events of a topic
// than one step finds. All are read, in their order, though they stand in the table the other way around, as after a restore.
func TestMoreThanAStepFinds(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	const each = maxFound/2 + 100
	pgtest.Exec(t, pgtest.Client(t, url), fmt.Sprintf(`
		INSERT INTO ingot.events SELECT lpad(n::text, 5, '0'), 't', n, 's', now(), now(), '0' FROM generate_series(2 * %[1]d, 1, -1) AS n;
		INSERT INTO ingot.batches VALUES (1, 1, %[1]d, %[1]d, %[1]d, %[1]d, %[1]d, gen_random_uuid(), now(), 0),
			(2, %[1]d + 1, 2 * %[1]d, %[1]d, %[1]d, 2 * %[1]d, 2 * %[1]d, gen_random_uuid(), now(), 0)`, each))
	r := newReader(t, url)
	log, err := r.log(t.Context(), "ORDER BY commit_seq")
	if err != nil {
		t.Fatal(err)
	}
	f := &feedWalk{reader: r, pageBuilder: newPage(event.Query{Topics: []string{"t"}, Limit: each + 50, MaxBytes: 8 << 20}), until: math.MaxInt64, stepIDs: 8 * firstStepIDs}
	f.started = time.Now().Add(time.Hour) // however slow the machine
	if err := f.walk(t.Context(), log); err != nil {
		t.Fatal(err)
	}
	for n, e := range f.page.Events {
		if want := fmt.Sprintf("%05d", n+1); e.Event.ID != want {
			t.Fatalf("event %d is %s", n+1, e.Event.ID)
		}
	}
	if len(f.page.Events) != each+50 {
		t.Errorf("%d events", len(f.page.Events))
	}
}

// TestAStepOfWhichNothingFits: where a page has no room for the first event of a step, the next page newest first begins with
// that event.
func TestAStepOfWhichNothingFits(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, r := newWriter(t, url), newReader(t, url)
	var want []string
	for i := range 10 {
		storetest.Merge(t, w, fmt.Sprint(i))
		want = append(want, fmt.Sprint(9-i))
	}
	pgtest.Exec(t, pgtest.Client(t, url), "UPDATE ingot.batches SET heap_blocks = 2 * commit_seq * $1", maxHeapSpan) // each is a step of its own
	var got []string
	below, more := int64(1<<40), true
	for pages := 0; more && pages < 5; pages++ {
		b := newPage(event.Query{Limit: 1000, MaxBytes: 50})
		b.started = time.Now().Add(time.Hour) // however slow the machine
		var err error
		if below, more, err = r.browseLog(t.Context(), b, 1, below, 100); err != nil {
			t.Fatal(err)
		}
		for _, e := range b.page.Events {
			got = append(got, e.Event.ID)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestTheIndexIsLeftAlone by whoever asks for no topic: rows are found where the log says that the table ended. The index
// is large, and takes long where it is not in memory.
func TestTheIndexIsLeftAlone(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, conn := newWriter(t, url), pgtest.Client(t, url)
	for i := range 10 {
		storetest.Merge(t, w, fmt.Sprint(i), fmt.Sprint(i, "b"))
	}
	scans := func(queries ...event.Query) int64 {
		r := newReader(t, url)
		for _, q := range queries {
			q.Limit = 7
			if got := storetest.Walk(t, r, q); len(got) != 20 {
				t.Errorf("%+v: %d events", q, len(got))
			}
		}
		r.Close() // a session that ends tells what it has done
		pgtest.WaitFor(t, conn, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'ingot reader'", 0)
		return pgtest.Number(t, conn, "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'events_slices'")
	}
	if n := scans(event.Query{Feed: true}, event.Query{}, event.Query{Feed: true, Source: "s"}, event.Query{Source: "s"}); n != 0 {
		t.Errorf("the index was scanned %d times", n)
	}
	if n := scans(event.Query{Feed: true, Topics: []string{"t"}}); n == 0 {
		t.Error("a scan for a topic is not counted") // and the count of none shows nothing
	}
}

// TestAnEmptyFeedHasACursor: whoever begins before the first event goes on from there.
func TestAnEmptyFeedHasACursor(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	r := newReader(t, url)
	page, err := r.Events(t.Context(), event.Query{Feed: true, Limit: 10, MaxBytes: 1 << 20})
	if err != nil || page.Next == "" || !page.End {
		t.Fatalf("%+v %v", page, err)
	}
	storetest.Merge(t, newWriter(t, url), "1")
	if got := storetest.Walk(t, r, event.Query{Feed: true, Limit: 10, Cursor: page.Next}); len(got) != 1 {
		t.Errorf("%v came behind the cursor of an empty feed", got)
	}
}

// TestChunksFitThePage: where events were large lately, a page does not begin with more of them
// than it has room for, and behind small ones it goes on with as many as it has.
func TestChunksFitThePage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ limit, usual, want int }{
		{1000, 0, firstChunk}, {1000, 300, firstChunk}, {10, 300, 10}, {1000, 100 << 10, 2}, {1000, 1 << 20, 1},
	} {
		if got := newPage(event.Query{Limit: c.limit, MaxBytes: 256 << 10}).chunk(c.usual); got != c.want {
			t.Errorf("%+v: %d rows", c, got)
		}
	}
	for _, c := range []struct{ events, want int }{{1, firstChunk}, {firstChunk, firstChunk}, {200, 200}, {600, 400}} {
		b := newPage(event.Query{Limit: 1000, MaxBytes: 8 << 20})
		b.page.Events, b.bytes = make([]event.Stored, c.events), 100*c.events
		if got := b.chunk(100); got != c.want {
			t.Errorf("%d rows behind %d small events", got, c.events)
		}
	}
	url := postgrestest.Database(t)
	w, r := newWriter(t, url), newReader(t, url)
	large := storetest.Event("large")
	large.Payload = `"` + strings.Repeat("x", 100<<10) + `"`
	if _, err := w.Merge(t.Context(), event.Batch{Groups: []event.Group{storetest.Group(large)}}, func() {}); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := r.Events(t.Context(), event.Query{Limit: 1, MaxBytes: 1 << 20}); err != nil {
			t.Fatal(err)
		}
	}
	if usual := r.usual.Load(); usual < 99<<10 || usual > 101<<10 {
		t.Errorf("an event has usually %d bytes", usual)
	}
}

// TestLargeRowsBehindSmallOnes: of a chunk no more is held than the page has room for, in whatever order its rows
// come, and no place is given up that the page would have taken.
func TestLargeRowsBehindSmallOnes(t *testing.T) {
	t.Parallel()
	const largest = 10_000
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 0))
		room := 1 + random.IntN(5*largest)
		var rows []event.Stored
		var places []place
		taken, fit := 0, 0 // bytes of the first rows, up to the one that does not fit
		for n := range 1 + random.IntN(100) {
			e := event.Stored{Event: event.Event{ID: "i", Payload: strings.Repeat("x", random.IntN(largest))}, Position: event.Position{ID: int64(n)}}
			rows, places = append(rows, e), append(places, place{id: int64(n)})
			if taken <= room {
				taken += e.Size()
				fit++
			}
		}
		c := newChunkRows(places, room)
		for _, i := range random.Perm(len(rows)) {
			c.add(rows[i])
			held := 0
			for _, e := range c.rows {
				held += e.Size()
			}
			if held != c.bytes || held > room+largest {
				t.Fatalf("seed %d: %d bytes are held, %d are counted, there is room for %d", seed, held, c.bytes, room)
			}
		}
		if len(c.places) != fit || slices.ContainsFunc(c.rows[:fit], func(e event.Stored) bool { return e.Size() == 0 }) {
			t.Fatalf("seed %d: %d places are left, want %d, each with its row", seed, len(c.places), fit)
		}
	}
}

// TestAPageHasAnEnd: it is full once the work for one is done, and not before any was: who is
// given a short page has moved on.
func TestAPageHasAnEnd(t *testing.T) {
	t.Parallel()
	longAgo := time.Now().Add(-time.Hour)
	for _, c := range []struct {
		what    string
		steps   int
		started time.Time
		full    bool
	}{
		{"nothing was done, however long that took", 0, longAgo, false},
		{"a step that took long", 1, longAgo, true},
		{"quick steps", maxSteps - 1, time.Now().Add(time.Hour), false},
		{"many quick steps", maxSteps, time.Now().Add(time.Hour), true},
	} {
		b := &pageBuilder{query: event.Query{Limit: 1, MaxBytes: 1}, steps: c.steps, started: c.started}
		if b.full() != c.full {
			t.Errorf("%s: full is %v", c.what, b.full())
		}
	}
}

// TestPagesWaitForEachOther: no more are read at a time than there are connections, and who
// waits for too long is told so; single events do not wait for them.
func TestPagesWaitForEachOther(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	storetest.Merge(t, newWriter(t, url), "1")
	r := newReader(t, url)
	for range cap(r.pages) {
		r.pages <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	page := make(chan error, 1)
	q := event.Query{Limit: 10, MaxBytes: 1 << 20}
	go func() {
		_, err := r.Events(ctx, q)
		page <- err
	}()
	if _, there, err := r.Event(t.Context(), "t", "1"); !there || err != nil {
		t.Errorf("%v %v", there, err)
	}
	cancel()
	if err := <-page; !errors.Is(err, context.Canceled) {
		t.Errorf("a page that nobody waits for: %v", err)
	}
	for range cap(r.pages) {
		<-r.pages
	}
	for range 2 * cap(r.pages) { // each gives its place back
		if p, err := r.Events(t.Context(), q); err != nil || len(p.Events) != 1 {
			t.Errorf("%d events, %v", len(p.Events), err)
		}
	}
}

// TestBrowseIsNewestFirst within what one writer wrote.
func TestBrowseIsNewestFirst(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, r := newWriter(t, url), newReader(t, url)
	var want []string
	for i := range 300 {
		id := fmt.Sprintf("%04d", i)
		storetest.Merge(t, w, id)
		want = append(want, "t/"+id)
	}
	slices.Reverse(want)
	for _, q := range []event.Query{{Limit: 50}, {Limit: 50, Topics: []string{"t"}}, {Limit: 50, Source: "s"}} {
		if diff := cmp.Diff(want, storetest.Walk(t, r, q)); diff != "" {
			t.Errorf("%+v: %s", q, diff)
		}
	}
}

// TestFeedGoesOn: a cursor at the end sees what comes later, and nothing twice.
func TestFeedGoesOn(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, r := newWriter(t, url), newReader(t, url)
	q := event.Query{Feed: true, Limit: 10, MaxBytes: 1 << 20}
	var got []string
	for i := range 30 {
		if i%3 == 0 {
			storetest.Merge(t, w, fmt.Sprint(i), fmt.Sprint(i, "b"))
		} else {
			storetest.Merge(t, w, fmt.Sprint(i-i%3)) // duplicates only: the cursor moves, the page is empty
		}
		page, err := r.Events(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if page.Next == q.Cursor {
			t.Errorf("step %d: the cursor stands still", i)
		}
		q.Cursor = page.Next
		for _, e := range page.Events {
			got = append(got, e.Event.ID)
		}
	}
	if len(got) != 20 {
		t.Errorf("%v", got)
	}
	empty, err := r.Events(t.Context(), q)
	if err != nil || len(empty.Events) != 0 || empty.Next != q.Cursor || !empty.End {
		t.Errorf("at the end: %+v %v", empty, err)
	}
	if first, err := r.Events(t.Context(), event.Query{Feed: true, Limit: 1, MaxBytes: 1 << 20}); err != nil || len(first.Events) != 1 || first.End {
		t.Errorf("at the beginning: %+v %v", first, err)
	}
}

// TestAFailedReadIsNoPage: where a table cannot be read every page is an error, and no page passes over what it could not
// read.
func TestAFailedReadIsNoPage(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	order, conn := storetest.History(t, 20, newWriter(t, url)), pgtest.Client(t, url)
	r, err := Open(url, postgres.PoolConfig{Connections: 1, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	all := event.Query{Feed: true, Limit: 7, MaxBytes: 1 << 20}
	first, err := r.Events(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]func() error{
		"now":     func() error { _, err := r.Start(t.Context(), "now"); return err },
		"a place": func() error { _, err := r.Start(t.Context(), first.Next); return err },
		"totals":  func() error { _, err := r.Totals(t.Context(), -1, 1<<20); return err },
		"a key":   func() error { _, _, err := r.Event(t.Context(), "t", "none"); return err },
	}
	year := time.Now().AddDate(-1, 0, 0)
	for name, q := range map[string]event.Query{
		"all": {}, "a topic": {Topics: []string{"rare"}}, "an id": {EventID: "00001"}, "a source": {Source: "s1"},
		"since": {Since: year}, "until": {Until: year.AddDate(2, 0, 0)},
	} {
		q.Limit, q.MaxBytes = 7, 1<<20
		read["newest of "+name] = func() error { _, err := r.Events(t.Context(), q); return err }
		feed := q
		feed.Feed = true
		read["feed of "+name] = func() error { _, err := r.Events(t.Context(), feed); return err }
		feed.Cursor = first.Next
		read["more of the feed of "+name] = func() error { _, err := r.Events(t.Context(), feed); return err }
	}
	for table, without := range map[string][]string{
		"events":  {"now", "a place", "totals"},
		"batches": {"a key"},
	} {
		pgtest.Exec(t, conn, "ALTER TABLE ingot."+table+" RENAME TO elsewhere")
		for name, f := range read {
			if err := f(); (err == nil) != slices.Contains(without, name) {
				t.Errorf("without %s: %s: %v", table, name, err)
			}
		}
		pgtest.Exec(t, conn, "ALTER TABLE ingot.elsewhere RENAME TO "+table)
		if diff := cmp.Diff(order, storetest.Walk(t, r, all)); diff != "" {
			t.Errorf("%s is back: %s", table, diff)
		}
	}
}

// TestAReadThatBreaksOffIsNoPage: where a query fails behind some of its rows the page is an error, and no shorter one. A
// policy of row security is what fails at one row.
func TestAReadThatBreaksOffIsNoPage(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	storetest.Merge(t, newWriter(t, url), "0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
	role := pgx.Identifier{"breaks_" + conn.Config().Database}.Sanitize()
	pgtest.Exec(t, conn, `CREATE TABLE ingot.breaks (query text);
		CREATE FUNCTION ingot.whole(id bigint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
			IF id = 5 AND EXISTS (SELECT FROM ingot.breaks WHERE position(query IN current_query()) > 0) THEN RAISE EXCEPTION 'broken off'; END IF;
			RETURN true;
		END $$;
		ALTER TABLE ingot.events ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON ingot.events USING (ingot.whole(id));
		CREATE ROLE `+role+"; GRANT USAGE ON SCHEMA ingot TO "+role+"; GRANT SELECT ON ingot.events, ingot.batches, ingot.topics TO "+role)
	t.Cleanup(func() { pgtest.Exec(t, conn, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
	r := newReader(t, url+"&role="+strings.Trim(role, `"`))
	for query, fails := range map[string]int{"nothing": 0, "e.ctid, e.id, true FROM": 4, "ORDER BY e.id DESC": 1, "e.ctid >=": 2, "e.payload": 4} {
		pgtest.Exec(t, conn, "DELETE FROM ingot.breaks")
		pgtest.Exec(t, conn, "INSERT INTO ingot.breaks VALUES ($1)", query)
		failed := 0
		for _, q := range []event.Query{{Feed: true}, {}, {Feed: true, Topics: []string{"t"}}, {Topics: []string{"t"}}} {
			q.Limit, q.MaxBytes = 100, 1<<20
			page, err := r.Events(t.Context(), q)
			if err == nil && len(page.Events) != 10 {
				t.Errorf("%q breaks off: the page of %+v has %d events", query, q, len(page.Events))
			}
			if err != nil {
				failed++
			}
		}
		if failed != fails {
			t.Errorf("%q breaks off: %d pages fail, want %d", query, failed, fails) // or nothing was shown
		}
	}
}

// TestRewoundLog: a cursor from a history that a restore took back is refused, not
// followed into another one.
func TestRewoundLog(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, r, conn := newWriter(t, url), newReader(t, url), pgtest.Client(t, url)
	storetest.Merge(t, w, "1")
	storetest.Merge(t, w, "2", "3")
	first, err := r.Events(t.Context(), event.Query{Feed: true, Limit: 2, MaxBytes: 1 << 20})
	if err != nil || len(first.Events) != 2 {
		t.Fatalf("%+v %v", first, err)
	}
	end := walkEnd(t, r)
	gone := func(when, cursor string) {
		t.Helper()
		if _, err := r.Start(t.Context(), cursor); err == nil {
			t.Errorf("%s: it may be started from", when)
		}
		var c *event.CursorError
		for _, since := range []time.Time{{}, time.Now().AddDate(1, 0, 0)} { // though the page would begin behind it in any case
			_, err := r.Events(t.Context(), event.Query{Feed: true, Limit: 1, MaxBytes: 1 << 20, Cursor: cursor, Since: since})
			if !errors.As(err, &c) || !c.Gone {
				t.Errorf("%s, since %v: got %v, want a cursor that is gone", when, since, err)
				return
			}
		}
		if _, err := r.Events(t.Context(), event.Query{Feed: true, Limit: 1, MaxBytes: 1 << 20, Cursor: c.Oldest}); err != nil || c.Oldest == "" {
			t.Errorf("%s: the oldest cursor %q: %v", when, c.Oldest, err)
		}
	}
	forged, err := event.ParsePosition(end)
	if err != nil {
		t.Fatal(err)
	}
	forged.ID++
	gone("a place that is none of its batch", forged.Cursor())
	pgtest.Exec(t, conn, "DELETE FROM ingot.batches WHERE commit_seq = 2; DELETE FROM ingot.events WHERE event_id IN ('2', '3')")
	gone("log cut", first.Next)
	gone("log cut, cursor at its end", end)
	storetest.Merge(t, newWriter(t, url), "4", "5")
	gone("log written again", first.Next)
	gone("log written again, cursor at its end", end)
}

// TestEachPartOfARowCounts: a failover may have a batch written again with the same ids, by the same
// process, or at the same time. A cursor of the one is none of the other's.
func TestEachPartOfARowCounts(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, r, conn := newWriter(t, url), newReader(t, url), pgtest.Client(t, url)
	storetest.Merge(t, w, "1")
	for _, change := range []string{
		"committed_at = committed_at + interval '1 microsecond'", "instance = gen_random_uuid()", "first_id = first_id - 1",
	} {
		end := walkEnd(t, r)
		if _, err := r.Start(t.Context(), end); err != nil {
			t.Fatal(err)
		}
		pgtest.Exec(t, conn, "UPDATE ingot.batches SET "+change)
		if _, err := r.Start(t.Context(), end); err == nil {
			t.Errorf("%s: the cursor is still taken", change)
		}
	}
}

// TestPlacesStayGood: clients and subscriptions keep them, also while a server is replaced by a later one. So what
// tells a batch from another is reckoned in the same way for ever.
func TestPlacesStayGood(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	pgtest.Exec(t, pgtest.Client(t, url), `INSERT INTO ingot.batches VALUES
		(7, 65537, 65539, 3, 3, 3, 3, '00112233-4455-6677-8899-aabbccddeeff', '2026-01-01 00:00:00.000001Z', 0)`)
	at, err := newReader(t, url).Start(t.Context(), "ZgAAAAAAAAAHAAAAAAABAAPzsKFnffPhUg")
	if want := (event.Position{Commit: 7, ID: 65539, Identity: 4088439143}); err != nil || at != want {
		t.Errorf("%+v, %v, want %+v", at, err, want)
	}
}

// TestStart: whoever begins at the beginning gets all, and whoever begins now what is committed from now on.
func TestStart(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, r := newWriter(t, url), newReader(t, url)
	behind := func(after string) []string {
		at, err := r.Start(t.Context(), after)
		if err != nil {
			t.Fatal(err)
		}
		return storetest.Walk(t, r, event.Query{Feed: true, Limit: 10, Cursor: at.Cursor()})
	}
	empty, err := r.Start(t.Context(), "now")
	if err != nil {
		t.Fatal(err)
	}
	storetest.Merge(t, w, "1", "2")
	storetest.Merge(t, w, "3")
	now, err := r.Start(t.Context(), "now")
	if err != nil {
		t.Fatal(err)
	}
	if got := behind("now"); len(got) > 0 {
		t.Errorf("now: %v", got)
	}
	storetest.Merge(t, w, "4")
	for after, want := range map[string][]string{
		"beginning":    {"t/1", "t/2", "t/3", "t/4"},
		empty.Cursor(): {"t/1", "t/2", "t/3", "t/4"},
		now.Cursor():   {"t/4"},
	} {
		if diff := cmp.Diff(want, behind(after)); diff != "" {
			t.Errorf("after %s: %s", after, diff)
		}
	}
}

func walkEnd(t *testing.T, r *Reader) string {
	t.Helper()
	page, err := r.Events(t.Context(), event.Query{Feed: true, Limit: 1000, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	return page.Next
}

func TestForeignCursors(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	w, r := newWriter(t, url), newReader(t, url)
	storetest.Merge(t, w, "1", "2")
	feedCursor := walkEnd(t, r)
	browsePage, err := r.Events(t.Context(), event.Query{Limit: 1, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cursor string
		feed   bool
	}{
		{"x", true},
		{"!!", false},
		{strings.Repeat("A", 34), true},
		{feedCursor[:len(feedCursor)-1], true},
		{feedCursor + "A", true},
		{feedCursor, false},
		{browsePage.Next, true},
		{strings.ToLower(feedCursor), true},
		{"", true},
	} {
		_, err := r.Events(t.Context(), event.Query{Feed: c.feed, Limit: 1, MaxBytes: 1 << 20, Cursor: c.cursor})
		var bad *event.CursorError
		if c.cursor != "" && (!errors.As(err, &bad) || bad.Gone) || c.cursor == "" && err != nil {
			t.Errorf("%q, feed %v: %v", c.cursor, c.feed, err)
		}
	}
}

// TestTotalsOfNothing: an empty database has totals too.
func TestTotalsOfNothing(t *testing.T) {
	t.Parallel()
	totals, err := newReader(t, postgrestest.Database(t)).Totals(t.Context(), -1, 1<<20)
	if err != nil || totals.Received != 0 || len(totals.Topics) != 0 {
		t.Errorf("%+v %v", totals, err)
	}
}

// TestStepsTakeWhatAPageHasRoomFor: of batches of 100 rows a page of 250 needs three,
// and as many as one query may look at when a filter may refuse rows.
func TestStepsTakeWhatAPageHasRoomFor(t *testing.T) {
	t.Parallel()
	var log []logRow
	for n := range int64(64) {
		log = append(log, logRow{commit: n + 1, first: n*100 + 1, last: n*100 + 100, stored: 100, heapBlocks: n + 1})
	}
	for _, c := range []struct {
		query event.Query
		want  int
	}{
		{event.Query{}, 3},
		{event.Query{Source: "s"}, 64},
		{event.Query{Until: time.Now()}, 64},
		{event.Query{Topics: []string{"t"}}, 64},
	} {
		c.query.Limit = 250
		b := newPage(c.query)
		f := &feedWalk{pageBuilder: b, until: 100, stepIDs: firstStepIDs}
		if feed, browse := len(f.step(log)), len(b.browseStep(log)); feed != c.want || browse != c.want {
			t.Errorf("%+v: %d and %d batches, want %d", c.query, feed, browse, c.want)
		}
	}
}
