package httpapi

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}
	return t
}

var storedPage = event.Page{
	Events: []event.Stored{
		{
			Event:      event.Event{ID: `a"\`, Topic: "ä\u2028", Source: "<s>", Timestamp: at("2025-12-19T10:00:00.12Z"), Payload: `{"n": 1.0, "n": 2}`},
			Position:   event.Position{ID: 7},
			ReceivedAt: at("2026-01-01T00:00:00.000001Z"),
		},
		{Event: event.Event{ID: "b", Topic: "t", Source: "s", Timestamp: at("1970-01-01T00:00:00Z"), Payload: "null"}, Position: event.Position{ID: 6}, ReceivedAt: at("2026-01-01T00:00:00Z")},
	},
	Next: "abc",
}

// largePage is a page of one event with so many bytes.
func largePage(bytes int) event.Page {
	large := *storedAt(1)
	large.Payload = `"` + strings.Repeat("x", bytes) + `"`
	return event.Page{Events: []event.Stored{large}}
}

// untaken is a connection that has asked for a page, and does not take more than the first bytes of it.
func (g *gate) untaken(t *testing.T) *wire {
	t.Helper()
	w := g.dial(t)
	w.send(request{method: "GET", target: "/events"}.text())
	if start, err := w.r.Peek(12); err != nil || !strings.HasSuffix(string(start), "200") { // it is being written
		t.Fatalf("%q %v", start, err)
	}
	return w
}

// awaitNoReads waits until no page counts.
func (g *gate) awaitNoReads(t *testing.T) {
	t.Helper()
	for begin := time.Now(); g.reads.used.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatal("a page that nobody takes any more still counts")
		}
	}
}

// TestPagesOnTheirWayAreBounded: what a client does not take counts, until it is gone.
func TestPagesOnTheirWayAreBounded(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.Reads = 20 << 20 })
	g.reader.page = largePage(16 << 20)
	w := g.untaken(t)
	if a := g.get(t, "/events"); a.status != 503 || a.kind() != "too-many-reads" {
		t.Errorf("a second: got %d %.300s", a.status, a.body)
	}
	_ = w.Close()
	g.awaitNoReads(t)
	w = g.dial(t)
	for range 3 { // over one connection: what was taken does not count
		_ = w.SetDeadline(time.Now().Add(patience)) // 16 MiB over TLS, beside all other tests
		w.send(request{method: "GET", target: "/events"}.text())
		if a := w.answer("GET"); a.status != 200 {
			t.Errorf("got %d %.300s", a.status, a.body)
		}
	}
}

// TestAnEventLargerThanAllPages goes by itself: if it were refused, whoever follows the feed could never get past it. Events are
// that large where --max-payload is, or was when they were stored.
func TestAnEventLargerThanAllPages(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.Reads = 4 << 20 })
	g.reader.page = largePage(16 << 20)
	if a := g.get(t, "/events"); a.status != 200 || len(a.body) < 16<<20 {
		t.Fatalf("got %d %.300s", a.status, a.body)
	}
	g.awaitNoReads(t)
	g.untaken(t)
	g.reader.page = event.Page{}
	if a := g.get(t, "/events"); a.status != 503 || a.kind() != "too-many-reads" {
		t.Errorf("beside it: got %d %.300s", a.status, a.body)
	}
}

// TestLargeEventsInOnePacket: who asks for the second before the first is answered has taken the first when the second comes.
func TestLargeEventsInOnePacket(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.Reads = 1 << 20 })
	g.reader.page = largePage(2 << 20)
	w := g.dial(t)
	w.send(strings.Repeat(request{method: "GET", target: "/events"}.text(), 3))
	for n := range 3 {
		if a := w.answer("GET"); a.status != 200 || len(a.body) < 2<<20 {
			t.Errorf("%d: got %d %.300s", n, a.status, a.body)
		}
	}
}

// TestLongListsCount as pages do, short ones never.
func TestLongListsCount(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.Reads = 1 })
	if a := g.get(t, "/stats"); a.status != 200 {
		t.Errorf("short: got %d %s", a.status, a.body)
	}
	g.reader.totals.Topics = map[string]int64{}
	for i := range 5000 {
		g.reader.totals.Topics[fmt.Sprintf("topic-%020d", i)] = 1
	}
	if a := g.get(t, "/stats"); a.status != 503 || a.kind() != "too-many-reads" {
		t.Errorf("long: got %d %.300s", a.status, a.body)
	}
	g.reader.err = event.ErrTooManyTopics
	if a := g.get(t, "/stats"); a.status != 503 || a.kind() != "too-many-reads" || !strings.Contains(a.body, "topics=N") {
		t.Errorf("too long: got %d %.300s", a.status, a.body)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	base := event.Query{Limit: 100, MaxBytes: 1 << 20}
	var hundred []string
	for i := range 100 {
		hundred = append(hundred, fmt.Sprint("t", i))
	}
	query := func(change func(*event.Query)) event.Query {
		q := base
		change(&q)
		return q
	}
	for _, c := range []struct {
		name, target string
		want         event.Query
	}{
		{"no parameter: the newest hundred", "/events", base},
		{"a filter", "/events?topic=t", query(func(q *event.Query) { q.Topics = []string{"t"} })},
		{"every filter", "/events?topic=t&source=s&event_id=e&since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00%2B01:00", query(func(q *event.Query) {
			q.Topics, q.Source, q.EventID, q.Since, q.Until = []string{"t"}, "s", "e", at("2026-01-01T00:00:00Z"), at("2026-01-01T23:00:00Z")
		})},
		{"a range of nothing", "/events?since=2026-01-01T00:00:00Z&until=2026-01-01T01:00:00.0000009%2B01:00", query(func(q *event.Query) {
			q.Since, q.Until = at("2026-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z")
		})},
		{"a beginning without an end", "/events?since=2026-01-01T00:00:00Z", query(func(q *event.Query) { q.Since = at("2026-01-01T00:00:00Z") })},
		{"several topics, each once", "/events?topic=b&source=s&topic=a&topic=b", query(func(q *event.Query) { q.Topics, q.Source = []string{"b", "a"}, "s" })},
		{"as many topics as may be", "/events?topic=" + strings.Join(hundred, "&topic="), query(func(q *event.Query) { q.Topics = hundred })},
		{"escapes are undone", "/events?topic=a%20b%26+%C3%A4", query(func(q *event.Query) { q.Topics = []string{"a b& ä"} })},
		{"a URL inside a filter is no absolute URI", "/events?source=http://other/stats", query(func(q *event.Query) { q.Source = "http://other/stats" })},
		{"the feed", "/events?order=asc&cursor=x&limit=1000", query(func(q *event.Query) { q.Feed, q.Cursor, q.Limit = true, "x", 1000 })},
		{"browsing on", "/events?order=desc&cursor=x&limit=1", query(func(q *event.Query) { q.Cursor, q.Limit = "x", 1 })},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := open(t)
			if a := g.get(t, c.target); a.status != 200 {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			if diff := cmp.Diff([]event.Query{c.want}, g.reader.asked); diff != "" {
				t.Errorf("asked (-want +got)\n%s", diff)
			}
		})
	}
}

// A payload comes back byte for byte, and texts are escaped as JSON wants.
func TestEventsPage(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.reader.page = storedPage
	a := g.get(t, "/events")
	const want = `{"events":[` +
		`{"event_id":"a\"\\","topic":"ä` + "\u2028" + `","source":"<s>","timestamp":"2025-12-19T10:00:00.12Z","received_at":"2026-01-01T00:00:00.000001Z","payload":{"n": 1.0, "n": 2}},` +
		`{"event_id":"b","topic":"t","source":"s","timestamp":"1970-01-01T00:00:00Z","received_at":"2026-01-01T00:00:00Z","payload":null}],"next_cursor":"abc"}`
	if a.body != want || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %s\nwant %s", a.body, want)
	}
	g.reader.page = event.Page{}
	if a := g.get(t, "/events"); a.body != `{"events":[],"next_cursor":null}` {
		t.Errorf("the end: got %s", a.body)
	}
}

func manyTopics() (parameters string) {
	for i := range maxTopics {
		parameters += fmt.Sprintf("&topic=%d", i)
	}
	return parameters
}

// One event is found by the two parts of its key, whatever they hold.
func TestEvent(t *testing.T) {
	t.Parallel()
	for target, key := range map[string]storetest.Key{
		"/events/t/e":                     {Topic: "t", ID: "e"},
		"/events/a%2Fb/%2f":               {Topic: "a/b", ID: "/"},
		"/events/a+b%20c/%C3%A4%3F%25":    {Topic: "a+b c", ID: "ä?%"},
		"/events/%7Btopic%7D/{event_id}":  {Topic: "{topic}", ID: "{event_id}"},
		"/events/{topic}/{event_id}":      {Topic: "{topic}", ID: "{event_id}"},
		"/events/stream/x":                {Topic: "stream", ID: "x"},
		"/events/%2e%2e/..%2Fpublish":     {Topic: "..", ID: "../publish"},
		"/events/t/550e8400-e29b-41d4;v=": {Topic: "t", ID: "550e8400-e29b-41d4;v="},
	} {
		g := open(t)
		e := storedPage.Events[0]
		e.Event.ID, e.Topic = key.ID, key.Topic
		g.reader.page = event.Page{Events: []event.Stored{e}}
		a := g.get(t, target)
		if diff := cmp.Diff([]storetest.Key{key}, g.reader.keys); diff != "" || a.status != 200 || a.body != string(appendEvent(nil, &e)) {
			t.Errorf("%s: got %d %s %s", target, a.status, a.body, diff)
		}
	}
}

func TestEventsRefused(t *testing.T) {
	t.Parallel()
	databaseDown := errors.New(`ERROR: SELECT failed (SQLSTATE 57P01) ` + secret)
	cases := []struct {
		name, target string
		err          error
		status       int
		kind         string
	}{
		{"a name nobody knows", "/events?topics=t", nil, 400, "bad-parameter"},
		{"a filter twice", "/events?source=a&source=b", nil, 400, "bad-parameter"},
		{"too many topics", "/events?topic=x" + manyTopics(), nil, 400, "bad-parameter"},
		{"no such event", "/events/t/e", nil, 404, "event-not-found"},
		{"a key that is not UTF-8", "/events/%ff/e", nil, 400, "bad-parameter"},
		{"a key with an escape that is none", "/events/t/%zz", nil, 400, "bad-parameter"},
		{"a key with a parameter", "/events/t/e?limit=1", nil, 400, "bad-parameter"},
		{"a key without a topic", "/events//e", nil, 404, "not-found"},
		{"a key of three parts", "/events/a/b/c", nil, 404, "not-found"},
		{"no database for one event", "/events/t/e", databaseDown, 503, "database-unavailable"},
		{"an empty filter", "/events?topic=", nil, 400, "bad-parameter"},
		{"a filter no event can match", "/events?topic=%00", nil, 400, "bad-parameter"},
		{"a filter that is not UTF-8", "/events?source=%ff", nil, 400, "bad-parameter"},
		{"a filter too long", "/events?event_id=" + strings.Repeat("x", 513), nil, 400, "bad-parameter"},
		{"limit 0", "/events?limit=0", nil, 400, "bad-parameter"},
		{"limit too large", "/events?limit=1001", nil, 400, "bad-parameter"},
		{"limit no number", "/events?limit=1e2", nil, 400, "bad-parameter"},
		{"limit empty", "/events?limit=", nil, 400, "bad-parameter"},
		{"limit out of any range", "/events?limit=99999999999999999999", nil, 400, "bad-parameter"},
		{"an order nobody knows", "/events?order=ASC", nil, 400, "bad-parameter"},
		{"a range that ends before it begins", "/events?since=2026-01-01T00:00:01Z&until=2026-01-01T00:00:00Z", nil, 400, "bad-parameter"},
		{"a time that is none", "/events?since=yesterday", nil, 400, "bad-parameter"},
		{"a plus that became a blank", "/events?until=2026-01-01T00:00:00+01:00", nil, 400, "bad-parameter"},
		{"markup in a name", "/events?%3Cscript%3E=%22", nil, 400, "bad-parameter"},
		{"a percent sign that is no escape", "/events?topic=t&source=100%", nil, 400, "bad-parameter"},
		{"an escape that is none", "/events?topic=%zz", nil, 400, "bad-parameter"},
		{"an empty cursor", "/events?cursor=", nil, 400, "bad-parameter"},
		{"a cursor that is only named", "/events?order=asc&cursor", nil, 400, "bad-parameter"},
		{"a cursor that does not parse", "/events?cursor=x", &event.CursorError{Detail: "it does not parse"}, 400, "bad-cursor"},
		{"a cursor of a log that was rewound", "/events?order=asc&cursor=x", &event.CursorError{Gone: true, Oldest: "Zg", Detail: "the log was rewound"}, 410, "cursor-gone"},
		{"no database", "/events", databaseDown, 503, "database-unavailable"},
		{"no database for the totals", "/stats", databaseDown, 503, "database-unavailable"},
		{"no database, so not ready", "/readyz", databaseDown, 503, "database-unavailable"},
	}
	transcripts := make([]string, len(cases))
	t.Run("case", func(t *testing.T) {
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				g := open(t)
				g.reader.err = c.err
				a := g.get(t, c.target)
				if a.status != c.status || a.kind() != c.kind {
					t.Errorf("got %d %s, want %d %s", a.status, a.body, c.status, c.kind)
				}
				if c.err == nil && c.status != 404 && len(g.reader.asked)+len(g.reader.keys) > 0 {
					t.Error("the database was asked")
				}
				transcripts[i] = fmt.Sprintf("=== %s\n%s", c.name, a.transcript())
			})
		}
	})
	golden(t, "events", strings.Join(transcripts, "\n"))
}
