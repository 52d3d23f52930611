package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

// filled writes a history with several writers, topics and sources, and returns
// the keys in commit order. Every seventh event repeats an earlier one.
func filled(t *testing.T, url string, batches int) (order []string) {
	t.Helper()
	writers := []*Writer{newWriter(t, url), newWriter(t, url), newWriter(t, url)}
	n := 0
	for b := range batches {
		var events []event.Event
		for range b%17 + 1 {
			e := storetest.Event(fmt.Sprintf("%05d", n))
			if n%7 == 6 {
				e.ID = fmt.Sprintf("%05d", n/2)
			}
			e.Topic = "frequent"
			if n%50 == 3 {
				e.Topic = "rare"
			}
			e.Source = fmt.Sprintf("s%d", n%3)
			events = append(events, e)
			n++
		}
		received := time.Date(2026, 1, 1, 0, 0, b, 0, time.UTC)
		stored, err := writers[(b/3)%3].Merge(t.Context(), event.Batch{Groups: []event.Group{{Events: events, ReceivedAt: received}}}, func() {})
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range events {
			if stored[i] {
				order = append(order, e.Topic+"/"+e.ID)
			}
		}
	}
	return order
}

// walk reads pages until they end, and returns the keys in the order they came.
func walk(t *testing.T, r *Reader, q event.Query) (keys []string) {
	t.Helper()
	if q.MaxBytes == 0 {
		q.MaxBytes = 8 << 20
	}
	for range 10_000 {
		page, err := r.Events(t.Context(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if len(page.Events) > q.Limit {
			t.Fatalf("%d events, the limit is %d", len(page.Events), q.Limit)
		}
		for _, e := range page.Events {
			keys = append(keys, e.Topic+"/"+e.ID)
		}
		if page.Next == "" || page.Next == q.Cursor {
			return keys
		}
		q.Cursor = page.Next
	}
	t.Fatal("the pages do not end")
	return nil
}

func only(keys []string, keep func(key string) bool) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return !keep(k) })
}

// TestPages: feed order is commit order; browsing is the same set by id; filters
// take out of it what they say, whatever the page's size.
func TestPages(t *testing.T) {
	t.Parallel()
	url := database(t)
	order := filled(t, url, 200)
	r := newReader(t, url)
	rare := func(k string) bool { return strings.HasPrefix(k, "rare/") }
	for _, limit := range []int{1, 7, 100, 1000} {
		if diff := cmp.Diff(order, walk(t, r, event.Query{Feed: true, Limit: limit})); diff != "" {
			t.Errorf("feed, limit %d: %s", limit, diff)
		}
		if diff := cmp.Diff(only(order, rare), walk(t, r, event.Query{Feed: true, Limit: limit, Topic: "rare"})); diff != "" {
			t.Errorf("feed of rare, limit %d: %s", limit, diff)
		}
		sorted := slices.Sorted(slices.Values(order))
		for name, q := range map[string]event.Query{"browse": {}, "small pages": {MaxBytes: 300}} {
			q.Limit = limit
			if diff := cmp.Diff(sorted, slices.Sorted(slices.Values(walk(t, r, q)))); diff != "" {
				t.Errorf("%s, limit %d: %s", name, limit, diff)
			}
		}
		got := walk(t, r, event.Query{Limit: limit, Topic: "rare"})
		if diff := cmp.Diff(slices.Sorted(slices.Values(only(order, rare))), slices.Sorted(slices.Values(got))); diff != "" {
			t.Errorf("browse rare, limit %d: %s", limit, diff)
		}
	}
	if diff := cmp.Diff(order, walk(t, r, event.Query{Feed: true, Limit: 1000, MaxBytes: 100})); diff != "" {
		t.Errorf("feed in pages of 100 bytes: %s", diff)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	url := database(t)
	filled(t, url, 60)
	r, conn := newReader(t, url), client(t, url)
	at := func(second int) time.Time { return time.Date(2026, 1, 1, 0, 0, second, 0, time.UTC) }
	for where, q := range map[string]event.Query{
		"true":                                  {},
		"source = 's1'":                         {Source: "s1"},
		"topic = 'rare' AND source = 's0'":      {Topic: "rare", Source: "s0"},
		"topic = 'none'":                        {Topic: "none"},
		"event_id = '00010'":                    {EventID: "00010"},
		"event_id = '00010' AND topic = 'rare'": {EventID: "00010", Topic: "rare"},
		"received_at >= '2026-01-01 00:00:20Z'": {Since: at(20)},
		"received_at < '2026-01-01 00:00:20Z'":  {Until: at(20)},
		"received_at BETWEEN '2026-01-01 00:00:20Z' AND '2026-01-01 00:00:29Z'": {Since: at(20), Until: at(30)},
	} {
		want := int(number(t, conn, "SELECT count(*) FROM ingot.events WHERE "+where))
		for _, feed := range []bool{true, false} {
			q.Feed, q.Limit = feed, 13
			if got := walk(t, r, q); len(got) != want {
				t.Errorf("%s, feed %v: %d events, want %d", where, feed, len(got), want)
			}
		}
	}
}

// TestBrowseIsNewestFirst within what one writer wrote.
func TestBrowseIsNewestFirst(t *testing.T) {
	t.Parallel()
	url := database(t)
	w, r := newWriter(t, url), newReader(t, url)
	var want []string
	for i := range 300 {
		id := fmt.Sprintf("%04d", i)
		merge(t, w, id)
		want = append(want, "t/"+id)
	}
	slices.Reverse(want)
	for _, q := range []event.Query{{Limit: 50}, {Limit: 50, Topic: "t"}, {Limit: 50, Source: "s"}} {
		if diff := cmp.Diff(want, walk(t, r, q)); diff != "" {
			t.Errorf("%+v: %s", q, diff)
		}
	}
}

// TestFeedGoesOn: a cursor at the end sees what comes later, and nothing twice.
func TestFeedGoesOn(t *testing.T) {
	t.Parallel()
	url := database(t)
	w, r := newWriter(t, url), newReader(t, url)
	q := event.Query{Feed: true, Limit: 10, MaxBytes: 1 << 20}
	var got []string
	for i := range 30 {
		if i%3 == 0 {
			merge(t, w, fmt.Sprint(i), fmt.Sprint(i, "b"))
		} else {
			merge(t, w, fmt.Sprint(i-i%3)) // duplicates only: the cursor moves, the page is empty
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
			got = append(got, e.ID)
		}
	}
	if len(got) != 20 {
		t.Errorf("%v", got)
	}
	empty, err := r.Events(t.Context(), q)
	if err != nil || len(empty.Events) != 0 || empty.Next != q.Cursor {
		t.Errorf("at the end: %+v %v", empty, err)
	}
}

// TestRewoundLog: a cursor from a history that a restore took back is refused, not
// followed into another one.
func TestRewoundLog(t *testing.T) {
	t.Parallel()
	url := database(t)
	w, r, conn := newWriter(t, url), newReader(t, url), client(t, url)
	merge(t, w, "1")
	merge(t, w, "2", "3")
	first, err := r.Events(t.Context(), event.Query{Feed: true, Limit: 2, MaxBytes: 1 << 20})
	if err != nil || len(first.Events) != 2 {
		t.Fatalf("%+v %v", first, err)
	}
	end := walkEnd(t, r)
	gone := func(when, cursor string) {
		t.Helper()
		var c *event.CursorError
		_, err := r.Events(t.Context(), event.Query{Feed: true, Limit: 1, MaxBytes: 1 << 20, Cursor: cursor})
		if !errors.As(err, &c) || !c.Gone {
			t.Errorf("%s: got %v, want a cursor that is gone", when, err)
		}
	}
	exec(t, conn, "DELETE FROM ingot.batches WHERE commit_seq = 2; DELETE FROM ingot.events WHERE event_id IN ('2', '3')")
	gone("log cut", first.Next)
	gone("log cut, cursor at its end", end)
	other := NewWriter(url, PathAuto, testTimeouts, uuid.New(), w.log)
	t.Cleanup(other.Close)
	merge(t, other, "4", "5")
	gone("log written again", first.Next)
	gone("log written again, cursor at its end", end)
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
	url := database(t)
	w, r := newWriter(t, url), newReader(t, url)
	merge(t, w, "1", "2")
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

// FuzzCursor: no text makes a cursor that is not ours pass, or panics.
func FuzzCursor(f *testing.F) {
	f.Add(feedPosition{1, 2, 3}.cursor())
	f.Add(browseCursor(7))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := parseFeedCursor(text); err == nil && text != "" && p.cursor() != text {
			t.Errorf("%q is read as %+v", text, p)
		}
		if id, err := parseBrowseCursor(text); err == nil && text != "" && browseCursor(id) != text {
			t.Errorf("%q is read as %d", text, id)
		}
	})
}

// TestTotalsOfNothing: an empty database has totals too.
func TestTotalsOfNothing(t *testing.T) {
	t.Parallel()
	totals, err := newReader(t, database(t)).Totals(t.Context())
	if err != nil || totals.Received != 0 || len(totals.Topics) != 0 {
		t.Errorf("%+v %v", totals, err)
	}
}
