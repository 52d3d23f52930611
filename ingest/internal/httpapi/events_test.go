package httpapi

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
			Seq:        7,
			ReceivedAt: at("2026-01-01T00:00:00.000001Z"),
		},
		{Event: event.Event{ID: "b", Topic: "t", Source: "s", Timestamp: at("1970-01-01T00:00:00Z"), Payload: "null"}, Seq: 6, ReceivedAt: at("2026-01-01T00:00:00Z")},
	},
	Next: "abc",
}

func TestEvents(t *testing.T) {
	t.Parallel()
	base := event.Query{Limit: 100, MaxBytes: 1 << 20}
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
		{"a filter", "/events?topic=t", query(func(q *event.Query) { q.Topic = "t" })},
		{"every filter", "/events?topic=t&source=s&event_id=e&since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00%2B01:00", query(func(q *event.Query) {
			q.Topic, q.Source, q.EventID, q.Since, q.Until = "t", "s", "e", at("2026-01-01T00:00:00Z"), at("2026-01-01T23:00:00Z")
		})},
		{"escapes are undone", "/events?topic=a%20b%26+%C3%A4", query(func(q *event.Query) { q.Topic = "a b& ä" })},
		{"a URL inside a filter is no absolute URI", "/events?source=http://other/stats", query(func(q *event.Query) { q.Source = "http://other/stats" })},
		{"the feed", "/events?order=asc&cursor=x&limit=1000", query(func(q *event.Query) { q.Feed, q.Cursor, q.Limit = true, "x", 1000 })},
		{"browsing on", "/events?order=desc&cursor=x&limit=1", query(func(q *event.Query) { q.Cursor, q.Limit = "x", 1 })},
		{"an empty cursor is the beginning", "/events?cursor=", base},
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
		{"a filter twice", "/events?topic=a&topic=b", nil, 400, "bad-parameter"},
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
		{"a time that is none", "/events?since=yesterday", nil, 400, "bad-parameter"},
		{"a plus that became a blank", "/events?until=2026-01-01T00:00:00+01:00", nil, 400, "bad-parameter"},
		{"markup in a name", "/events?%3Cscript%3E=%22", nil, 400, "bad-parameter"},
		{"a cursor that does not parse", "/events?cursor=x", &event.CursorError{Detail: "it does not parse"}, 400, "bad-cursor"},
		{"a cursor of a log that was rewound", "/events?order=asc&cursor=x", &event.CursorError{Gone: true, Detail: "the log was rewound; start again without a cursor"}, 410, "cursor-gone"},
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
				if c.err == nil && len(g.reader.asked) > 0 {
					t.Error("the database was asked")
				}
				transcripts[i] = fmt.Sprintf("=== %s\n%s", c.name, a.transcript())
			})
		}
	})
	golden(t, "events", strings.Join(transcripts, "\n"))
}
