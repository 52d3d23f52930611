package reader

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

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
