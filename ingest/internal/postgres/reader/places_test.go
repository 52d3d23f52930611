package reader

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

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
