package reader

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

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
	f := &feedWalk{reader: r, pageBuilder: newPage(event.Query{Topics: []string{"t"}, Limit: each + 50, MaxBytes: 8 << 20}), stepIDs: 8 * firstStepIDs}
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
		if n := len(newPage(c.query).step(log, firstStepIDs)); n != c.want {
			t.Errorf("%+v: %d batches, want %d", c.query, n, c.want)
		}
	}
}
