package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/internal/event"
)

// fakeSubscriptions keeps them in memory.
type fakeSubscriptions struct {
	mu   sync.Mutex
	kept map[string]event.Subscription
	full bool
	gone bool // what is made is deleted at once
	read int  // by Each
	err  error

	uncommitted error // of Commit alone

	first  *event.Subscription // made by somebody else just before
	remade *event.Subscription // made by somebody else, in place of one that was just read
}

func (f *fakeSubscriptions) Create(_ context.Context, sub event.Subscription) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first != nil {
		f.kept[f.first.Name] = *f.first
	}
	_, there := f.kept[sub.Name]
	if !there && f.full {
		return false, fmt.Errorf("create a subscription: %w", event.ErrSubscriptionsFull)
	}
	if !there && f.err == nil && !f.gone {
		f.kept[sub.Name] = sub
	}
	return !there, f.err
}

func (f *fakeSubscriptions) Get(_ context.Context, name string) (event.Subscription, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sub, there := f.kept[name]
	if f.remade != nil {
		f.kept[f.remade.Name] = *f.remade
	}
	return sub, there, f.err
}

func (f *fakeSubscriptions) Commit(_ context.Context, name string, topics []string, at event.Position) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if sub, there := f.kept[name]; there && brings(sub, topics) && sub.At.Compare(at) < 0 {
		sub.At, sub.Committed = at, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		f.kept[name] = sub
	}
	return errors.Join(f.err, f.uncommitted)
}

func (f *fakeSubscriptions) Delete(_ context.Context, name string, topics []string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sub, there := f.kept[name]
	if !there || !brings(sub, topics) {
		return false, f.err
	}
	delete(f.kept, name)
	return true, f.err
}

func brings(sub event.Subscription, topics []string) bool {
	return topics == nil || slices.Equal(sub.Topics, topics)
}

func (f *fakeSubscriptions) Each(_ context.Context, take func(*event.Subscription) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(f.kept)) {
		sub := f.kept[name]
		f.read++
		if err := take(&sub); err != nil {
			return fmt.Errorf("read subscriptions: %w", err)
		}
	}
	return f.err
}

func (g *gate) put(t testing.TB, target, body string) answer {
	t.Helper()
	return g.do(t, request{"PUT", target, []string{jsonType}, body})
}

// TestSubscriptionLife: made once, the same again, another one refused, moved forward
// only, shown with its lag, and forgotten.
func TestSubscriptionLife(t *testing.T) {
	t.Parallel()
	g := open(t)
	const asked = `{"after":"beginning","topics":["b","a","b"],"source":"s"}`
	cursor := event.Position{Commit: 5, ID: 50, Identity: 500}.Cursor() // what the fake reader begins with
	const is = `{"name":"a.b_c-1","after":"beginning","topics":["a","b"],"source":"s","cursor":"`
	for i, status := range []int{201, 200} {
		if a := g.put(t, "/subscriptions/a.b_c-1", asked); a.status != status || a.body != is+cursor+`","committed_at":null,"lag_events":0,"lag_seconds":0.000}` {
			t.Errorf("%d: got %d %s", i, a.status, a.body)
		}
	}
	for _, other := range []string{`{}`, `{"after":"beginning","topics":["a"],"source":"s"}`, `{"after":"now","topics":["a","b"],"source":"s"}`, `{"after":"beginning","topics":["a","b"]}`} {
		if a := g.put(t, "/subscriptions/a.b_c-1", other); a.status != 409 || a.kind() != "subscription-differs" {
			t.Errorf("%s: got %d %s", other, a.status, a.body)
		}
	}
	g.subscriptions.kept["a.b_c-1"] = event.Subscription{Name: "a.b_c-1", After: "beginning", Topics: []string{"a", "b"}, Source: "s", LagEvents: 7, Lag: 1500 * time.Millisecond}
	if a := g.get(t, "/subscriptions"); a.status != 200 || !strings.Contains(a.body, `{"subscriptions":[`+is) || !strings.Contains(a.body, `"lag_events":7,"lag_seconds":1.500`) {
		t.Errorf("got %d %s", a.status, a.body)
	}
	commit := `{"cursor":"` + cursor + `"}`
	if a := g.post(t, "/subscriptions/a.b_c-1/commit", commit); a.status != 200 || !strings.Contains(a.body, cursor) || !strings.Contains(a.body, `"committed_at":"2026-01-01T00:00:00Z"`) {
		t.Errorf("got %d %s", a.status, a.body)
	}
	for _, status := range []int{204, 404} {
		if a := g.do(t, request{method: "DELETE", target: "/subscriptions/a.b_c-1"}); a.status != status {
			t.Errorf("delete: got %d %s", a.status, a.body)
		}
	}
	if a := g.post(t, "/subscriptions/a.b_c-1/commit", commit); a.status != 404 || a.kind() != "subscription-not-found" {
		t.Errorf("commit of none: got %d %s", a.status, a.body)
	}
	for name, asked := range map[string]string{"x": `{}`, "y": `{"after":null,"topics":null,"source":null}`} {
		if a := g.put(t, "/subscriptions/"+name, asked); a.status != 201 || !strings.Contains(a.body, `"after":"now","topics":[],"source":null`) {
			t.Errorf("all the defaults: got %d %s", a.status, a.body)
		}
	}
	var list struct{ Subscriptions []struct{ Name string } }
	if a := g.get(t, "/subscriptions"); json.Unmarshal([]byte(a.body), &list) != nil || len(list.Subscriptions) != 2 || list.Subscriptions[1].Name != "y" {
		t.Errorf("both: got %d %s", a.status, a.body)
	}
	g.subscriptions.uncommitted = errors.New("down")
	if a := g.post(t, "/subscriptions/x/commit", commit); a.status != 503 || a.kind() != "database-unavailable" {
		t.Errorf("a commit that the database has not taken: got %d %s", a.status, a.body)
	}
}

// TestSubscriptionsTooLong: what no answer may hold is not read to its end.
func TestSubscriptionsTooLong(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.Reads = 1 << 20 })
	topics := slices.Repeat([]string{strings.Repeat(`"`, 500)}, 100) // 100 KB as JSON
	for i := range 20 {
		name := fmt.Sprintf("s%02d", i)
		g.subscriptions.kept[name] = event.Subscription{Name: name, After: "now", Topics: topics}
	}
	a := g.get(t, "/subscriptions")
	if a.status != 503 || a.kind() != "too-many-reads" || !strings.Contains(a.body, "--max-reads-in-flight") || g.subscriptions.read != 11 {
		t.Errorf("got %d %.300s after %d", a.status, a.body, g.subscriptions.read)
	}
	for i := range 11 {
		delete(g.subscriptions.kept, fmt.Sprintf("s%02d", i))
	}
	if a := g.get(t, "/subscriptions"); a.status != 200 || strings.Count(a.body, `{"name"`) != 9 || !json.Valid([]byte(a.body)) {
		t.Errorf("got %d %.300s", a.status, a.body)
	}
}

func TestSubscriptionRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method, target, body string
		status                     int
		kind                       string
	}{
		{"a name with a capital", "PUT", "/subscriptions/A", "{}", 400, "bad-parameter"},
		{"a name that paths lose", "PUT", "/subscriptions/%2E%2E", "{}", 400, "bad-parameter"},
		{"a name too long", "PUT", "/subscriptions/" + strings.Repeat("a", 65), "{}", 400, "bad-parameter"},
		{"no object", "PUT", "/subscriptions/a", "[]", 400, "not-json"},
		{"null", "PUT", "/subscriptions/a", "null", 400, "not-json"},
		{"no JSON", "PUT", "/subscriptions/a", "{", 400, "not-json"},
		{"no UTF-8", "PUT", "/subscriptions/a", "{\"source\":\"\xff\"}", 400, "not-json"},
		{"a name misspelt", "PUT", "/subscriptions/a", `{"topic":["t"]}`, 400, "bad-parameter"},
		{"a type that cannot be used", "PUT", "/subscriptions/a", `{"topics":"t"}`, 400, "bad-parameter"},
		{"an empty topic", "PUT", "/subscriptions/a", `{"topics":[""]}`, 400, "bad-parameter"},
		{"more topics than may be", "PUT", "/subscriptions/a", `{"topics":["t"` + strings.Repeat(`,"t"`, maxTopics) + `]}`, 400, "bad-parameter"},
		{"half a surrogate pair", "PUT", "/subscriptions/a", `{"source":"\ud800"}`, 400, "bad-parameter"},
		{"the other half", "PUT", "/subscriptions/a", `{"topics":["t","x\uDC00\uD83D\uDE00"]}`, 400, "bad-parameter"},
		{"two first halves", "PUT", "/subscriptions/a", `{"topics":["\ud83d\ud83d"]}`, 400, "bad-parameter"},
		{"half a pair in a cursor", "POST", "/subscriptions/a/commit", `{"cursor":"\ud83d\\u"}`, 400, "bad-parameter"},
		{"a source no event can have", "PUT", "/subscriptions/a", `{"source":"\u0000"}`, 400, "bad-parameter"},
		{"an empty source", "PUT", "/subscriptions/a", `{"after":"now","source":""}`, 400, "bad-parameter"},
		{"an empty place", "PUT", "/subscriptions/a", `{"after":"","source":"s"}`, 400, "bad-parameter"},
		{"a name that is none, to forget", "DELETE", "/subscriptions/A", "", 400, "bad-parameter"},
		{"a name that is none, to move", "POST", "/subscriptions/A/commit", `{"cursor":"c"}`, 400, "bad-parameter"},
		{"a name that is none, to read", "GET", "/subscriptions/A/events", "", 400, "bad-parameter"},
		{"a topic no event can have", "PUT", "/subscriptions/a", `{"topics":["\u0000"]}`, 400, "bad-parameter"},
		{"too large", "PUT", "/subscriptions/a", `{"source":"` + strings.Repeat("x", maxObject) + `"}`, 413, "body-too-large"},
		{"a name twice", "PUT", "/subscriptions/a", `{"after":"now","after":"beginning"}`, 400, "bad-parameter"},
		{"a name in capitals", "PUT", "/subscriptions/a", `{"After":"beginning"}`, 400, "bad-parameter"},
		{"a parameter", "PUT", "/subscriptions/a?x=1", "{}", 400, "bad-parameter"},
		{"a parameter, to forget", "DELETE", "/subscriptions/a?dry_run=1", "", 400, "bad-parameter"},
		{"a filter of the list", "GET", "/subscriptions?name=a", "", 400, "bad-parameter"},
		{"no such method", "POST", "/subscriptions/a", "{}", 405, "method-not-allowed"},
		{"commit of nothing", "POST", "/subscriptions/a/commit", "{}", 400, "bad-cursor"},
		{"commit of now", "POST", "/subscriptions/a/commit", `{"cursor":"now"}`, 400, "bad-cursor"},
		{"a wait too long", "GET", "/subscriptions/a/events?wait=61s", "", 400, "bad-parameter"},
		{"a wait that is none", "GET", "/subscriptions/a/events?wait=30", "", 400, "bad-parameter"},
		{"a limit too large", "GET", "/subscriptions/a/events?limit=1001", "", 400, "bad-parameter"},
		{"events with a filter", "GET", "/subscriptions/a/events?topic=t", "", 400, "bad-parameter"},
		{"events of none", "GET", "/subscriptions/a/events", "", 404, "subscription-not-found"},
	} {
		g := open(t)
		if a := g.do(t, request{c.method, c.target, []string{jsonType}, c.body}); a.status != c.status || a.kind() != c.kind {
			t.Errorf("%s: got %d %s", c.name, a.status, a.body)
		}
	}
	g := open(t)
	for body, want := range map[string]string{`{"source":"\ud83d\uDE00"}`: "\U0001F600", `{"source":"\\ud800"}`: `\ud800`, `{"source":"\ufffd\u0041"}`: "\ufffdA"} {
		a := g.put(t, "/subscriptions/whole", body)
		if a.status != 201 || g.subscriptions.kept["whole"].Source != want {
			t.Errorf("%s: got %d %s", body, a.status, a.body)
		}
		delete(g.subscriptions.kept, "whole")
	}
	if a := g.do(t, request{"PUT", "/subscriptions/a", []string{"Content-Type: text/plain"}, "{}"}); a.status != 415 {
		t.Errorf("a body of another type: got %d %s", a.status, a.body)
	}
	for _, coding := range []string{"gzip", "br"} {
		if a := g.do(t, request{"PUT", "/subscriptions/a", []string{jsonType, "Content-Encoding: " + coding}, "{}"}); a.status != 415 {
			t.Errorf("Content-Encoding %s: got %d %s", coding, a.status, a.body)
		}
	}
	w := g.dial(t) // a length that is not told beforehand is bounded as well, and what is over it not even read
	w.send("PUT /subscriptions/a HTTP/1.1\r\nHost: gate\r\n" + jsonType + "\r\nTransfer-Encoding: chunked\r\n\r\n")
	w.send(fmt.Sprintf("%x\r\n{\"source\":%s\r\n", maxObject, strings.Repeat(" ", maxObject-10)))
	w.send("1\r\n}\r\n")
	if a := w.answer("PUT"); a.status != 413 || a.kind() != "body-too-large" {
		t.Errorf("too large, in chunks: got %d %s", a.status, a.body)
	}
	g.reader.err = &event.CursorError{Gone: true, Oldest: "Zg", Detail: "rewound"}
	if a := g.put(t, "/subscriptions/a", `{"after":"x"}`); a.status != 410 || len(g.subscriptions.kept) != 0 {
		t.Errorf("a place that is gone: got %d %s", a.status, a.body)
	}
	g.reader.err = nil
	g.subscriptions.gone = true
	if a := g.put(t, "/subscriptions/a", `{"after":"x"}`); a.status != 201 {
		t.Errorf("deleted as soon as it was made: got %d %s", a.status, a.body)
	}
	g.subscriptions.first = &event.Subscription{Name: "b", After: "now"}
	if a := g.put(t, "/subscriptions/b", `{"after":"x"}`); a.status != 409 || a.kind() != "subscription-differs" {
		t.Errorf("another one was made meanwhile: got %d %s", a.status, a.body)
	}
	g.subscriptions.full = true
	if a := g.put(t, "/subscriptions/a", `{"after":"x"}`); a.status != 409 || a.kind() != "too-many-subscriptions" {
		t.Errorf("too many: got %d %s", a.status, a.body)
	}
	g.subscriptions.err = errors.New("down")
	for _, r := range []request{{"PUT", "/subscriptions/a", []string{jsonType}, "{}"}, {"DELETE", "/subscriptions/a", nil, ""}, {"GET", "/subscriptions", nil, ""}, {"GET", "/subscriptions/a/events", nil, ""}} {
		if a := g.do(t, r); a.status != 503 || a.kind() != "database-unavailable" {
			t.Errorf("%s %s without a database: got %d %s", r.method, r.target, a.status, a.body)
		}
	}
}

// TestSubscriptionEvents: a page from the committed place with the subscription's
// filters; an empty one is waited for, and the wait ends with an event, with its time,
// or with the server.
func TestSubscriptionEvents(t *testing.T) {
	t.Parallel()
	place := event.Position{Commit: 3, ID: 30, Identity: 300}
	sub := event.Subscription{Name: "a", After: "now", Topics: []string{"t"}, Source: "s", At: place}
	query := event.Query{Topics: sub.Topics, Source: "s", Feed: true, Cursor: place.Cursor(), Limit: 7, MaxBytes: 1 << 20}

	g := open(t)
	g.subscriptions.kept["a"] = sub
	g.reader.page = storedPage
	if a := g.get(t, "/subscriptions/a/events?limit=7&wait=30s"); a.status != 200 || a.body != string(appendPage(nil, storedPage)) {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if diff := cmp.Diff([]event.Query{query}, g.reader.asked); diff != "" {
		t.Error(diff)
	}

	empty := event.Position{Commit: 4, ID: 40} // where the first page ended
	for name, c := range map[string]struct {
		end  func(g *gate)
		want event.Page
	}{
		"an event": {
			func(g *gate) { g.feed.events <- []*event.Stored{storedAt(9)} },
			event.Page{Events: []event.Stored{*storedAt(9)}, Next: storedAt(9).Cursor()},
		},
		"more than the limit": {
			func(g *gate) { g.feed.events <- []*event.Stored{storedAt(7), storedAt(8), storedAt(9)} },
			event.Page{Events: []event.Stored{*storedAt(7), *storedAt(8)}, Next: storedAt(8).Cursor()},
		},
		"the drain": {func(g *gate) { g.Drain() }, event.Page{Next: empty.Cursor()}},
		"the place": {
			func(g *gate) { g.feed.events <- event.Position{Commit: 8, ID: 80}; g.Drain() },
			event.Page{Next: event.Position{Commit: 8, ID: 80}.Cursor()},
		},
	} {
		g := open(t)
		g.subscriptions.kept["a"] = sub
		g.reader.page = event.Page{At: empty, Next: "n", End: true}
		done := make(chan answer)
		go func() { done <- g.get(t, "/subscriptions/a/events?limit=2&wait=30s") }() // ends with the answer, received below
		for g.feed.subscribers() == 0 {
			time.Sleep(time.Millisecond)
		}
		c.end(g)
		if a := <-done; a.status != 200 || a.body != string(appendPage(nil, c.want)) {
			t.Errorf("%s: got %d %s", name, a.status, a.body)
		}
		if g.feed.from != empty {
			t.Errorf("%s: it waited from %v", name, g.feed.from)
		}
	}

	large, at := storedAt(2), storedAt(3).Position
	large.Payload = strings.Repeat(" ", 1000)
	for _, c := range []struct{ bytes, want int }{{1, 1}, {1500, 1}, {2200, 2}} {
		if page := firstPage([]*event.Stored{large, large}, at, event.Query{Limit: 10, MaxBytes: c.bytes}); len(page.Events) != c.want {
			t.Errorf("%d events of 1,000 bytes fit into %d", len(page.Events), c.bytes)
		}
	}

	g = open(t)
	g.subscriptions.kept["a"] = sub
	for _, target := range []string{"/subscriptions/a/events", "/subscriptions/a/events?wait=0s", "/subscriptions/a/events?wait=10ms"} {
		if a := g.get(t, target); a.status != 200 || !strings.HasPrefix(a.body, `{"events":[]`) {
			t.Errorf("%s: got %d %s", target, a.status, a.body)
		}
	}
	waited := len(g.feed.asked)
	if a := g.do(t, request{method: "HEAD", target: "/subscriptions/a/events?wait=60s"}); a.status != 200 || len(g.feed.asked) != waited {
		t.Errorf("HEAD, which has nothing to wait for: got %d", a.status)
	}
	g.feed.err = event.ErrFeedFull
	if a := g.get(t, "/subscriptions/a/events?wait=10ms"); a.status != 503 || a.kind() != "too-many-streams" {
		t.Errorf("too many: got %d %s", a.status, a.body)
	}
}

// TestPollOfNobody: a client that hangs up, or sends its next request, while it waits.
func TestPollOfNobody(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.subscriptions.kept["a"] = event.Subscription{Name: "a"}
	poll := request{method: "GET", target: "/subscriptions/a/events?wait=60s"}.text()
	there, gone := g.dial(t), g.dial(t)
	there.send(poll + request{method: "GET", target: "/healthz"}.text())
	gone.send(poll)
	await := func(n int) {
		t.Helper()
		for begin := time.Now(); g.feed.subscribers() != n; time.Sleep(time.Millisecond) {
			if time.Since(begin) > patience {
				t.Fatalf("%d wait, want %d", g.feed.subscribers(), n)
			}
		}
	}
	await(2)
	_ = gone.Close()
	await(1) // long before the minute is over
	g.feed.events <- []*event.Stored{storedAt(9)}
	for _, want := range []string{`{"events":[{`, `{"status":"ok"}`} {
		if a := there.answer("GET"); a.status != 200 || !strings.HasPrefix(a.body, want) {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
}

// TestPollBehindAnAnswer: of requests in a row fasthttp sends the answers together. A poll that waited would keep the answer
// before it from a client for a minute, and that one may be to events.
func TestPollBehindAnAnswer(t *testing.T) {
	t.Parallel()
	g := open(t)
	w := g.dial(t)
	poll := request{method: "GET", target: "/subscriptions/s/events?wait=60s"}.text()
	w.send(request{"PUT", "/subscriptions/s", []string{jsonType}, "{}"}.text() + publishOf("x") + poll + request{method: "GET", target: "/docs/live.js"}.text() + poll)
	for _, method := range []string{"PUT", "POST", "GET", "GET", "GET"} {
		if a := w.answer(method); a.status/100 != 2 {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
	}
	g.feed.mu.Lock()
	defer g.feed.mu.Unlock()
	if n := len(g.feed.asked); n != 0 {
		t.Errorf("%d polls waited", n)
	}
}
