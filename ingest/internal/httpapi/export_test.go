package httpapi

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

const lines = "Accept: application/x-ndjson"

// TestExport: all pages up to where the feed ended at the beginning, each event a line
// that POST /publish takes.
func TestExport(t *testing.T) {
	t.Parallel()
	g := open(t)
	odd := storedAt(3)
	odd.Payload = "{\r\n\"a\":\n[1.0]}"
	late := storedAt(6) // the fake feed ends at 5
	g.reader.pages = []event.Page{
		{Events: []event.Stored{*storedAt(1), *storedAt(2)}, Next: "c2", At: storedAt(2).Position},
		{Next: "c3", At: storedAt(2).Position},
		{Events: []event.Stored{*odd, *late}, Next: "c6", At: late.Position},
	}
	a := g.do(t, request{"GET", "/events?topic=t&cursor=c0", []string{lines}, ""})
	want := `{"event_id":"1","topic":"t","source":"s","timestamp":"1970-01-01T00:00:00Z","payload":null}` + "\n" +
		`{"event_id":"2","topic":"t","source":"s","timestamp":"1970-01-01T00:00:00Z","payload":null}` + "\n" +
		`{"event_id":"3","topic":"t","source":"s","timestamp":"1970-01-01T00:00:00Z","payload":{  "a": [1.0]}}` + "\n"
	if page := g.get(t, "/events?topic=t"); page.header.Get("Vary") != "Accept" || a.header.Get("Vary") != "Accept" {
		t.Errorf("a cache may take one for the other: %v, %v", page.header, a.header)
	}
	if a.status != 200 || a.body != want || a.header.Get("Content-Type") != ndjson || a.header.Get("X-Next-Cursor") == "" || !a.last {
		t.Errorf("got %d %v %s", a.status, a.header, a.body)
	}
	if head := g.do(t, request{"HEAD", "/events", []string{lines}, ""}); head.last || head.status != 200 || head.header.Get("Cache-Control") != a.header.Get("Cache-Control") || head.header.Get("X-Next-Cursor") == "" {
		t.Errorf("HEAD: got %d %v, GET %v", head.status, head.header, a.header)
	}
	for i, cursor := range []string{"c0", "c2", "c3"} {
		if q := g.reader.asked[i]; q.Cursor != cursor || !q.Feed || q.Topics[0] != "t" {
			t.Errorf("page %d: %+v", i, q)
		}
	}
	for _, line := range strings.SplitAfter(strings.TrimSuffix(a.body, "\n"), "\n") {
		if d, err := event.Decode(line, event.NDJSON, event.DefaultLimits()); err != nil || len(d.Events) != 1 {
			t.Errorf("%q is not taken: %v %+v", line, err, d.Invalid)
		}
	}
}

// TestExportEndsWhereTheFeedEnded before it was read: what is committed meanwhile is the next export's,
// also where the filters keep it from seeing an event behind that place.
func TestExportEndsWhereTheFeedEnded(t *testing.T) {
	t.Parallel()
	g := open(t)
	end := event.Position{Commit: 5, ID: 50, Identity: 500}
	last := storedAt(5)
	last.Position = end
	g.reader.grows = true
	g.reader.pages = []event.Page{
		{Events: []event.Stored{*storedAt(4), *last}, Next: "c4", At: storedAt(4).Position},
		{Next: "c6", At: storedAt(6).Position},
	}
	g.reader.page = event.Page{Next: "c7", At: storedAt(7).Position, End: true}
	a := g.do(t, request{"GET", "/events?topic=t", []string{lines}, ""})
	if got := a.header.Get("X-Next-Cursor"); a.status != 200 || got != end.Cursor() || strings.Count(a.body, "\n") != 2 {
		t.Errorf("got %d, to %s, want %s: %s", a.status, got, end.Cursor(), a.body)
	}
	if n := len(g.reader.asked); n != 2 {
		t.Errorf("%d pages were read, want the two up to there", n)
	}
}

// TestExportBreaksOff: what cannot be finished has no end. In HTTP/1.0, which nginx speaks to whom it serves
// unless it is told not to, the end of the connection would be one.
func TestExportBreaksOff(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.1", "1.0"} {
		g := open(t)
		g.reader.pages = []event.Page{{Events: []event.Stored{*storedAt(1)}, Next: "c1", At: storedAt(1).Position}}
		w := g.dial(t)
		g.reader.later = errors.New("down")
		w.send(strings.Replace(request{"GET", "/events", []string{lines}, ""}.text(), "HTTP/1.1", "HTTP/"+version, 1))
		if a, err := w.next("GET"); err == nil || isTimeout(err) || version == "1.1" && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("HTTP/%s: got %+v %v, want an answer that is broken off", version, a, err)
		}
		if logged := g.logs.FilterMessage("an export was cut short").Len(); logged != 1 {
			t.Errorf("HTTP/%s: it is logged %d times", version, logged)
		}
	}
}

// TestExportOfNothing: one that finds nothing to send reads on for nobody, neither when its client has left nor when
// the server stops, which breaks it off.
func TestExportOfNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*gate, *wire){
		"the client leaves": func(_ *gate, w *wire) { _ = w.Close() },
		"the server stops":  func(g *gate, _ *wire) { g.Drain() },
	} {
		g := open(t)
		g.reader.page = event.Page{Next: "c1", At: storedAt(1).Position}
		w := g.dial(t)
		w.send(request{"GET", "/events", []string{lines}, ""}.text())
		if _, err := w.r.Peek(1); err != nil { // it has begun
			t.Fatal(err)
		}
		end(g, w)
		for begin := time.Now(); g.exports.Load() > 0; time.Sleep(time.Millisecond) {
			if time.Since(begin) > patience {
				g.reader.mu.Lock()
				g.reader.later = errors.New("it must end")
				g.reader.mu.Unlock()
				t.Fatalf("%s: it reads on", name)
			}
		}
		if a, err := w.next("GET"); err == nil {
			t.Errorf("%s: it looks whole: %+v", name, a)
		}
	}
}

// TestExportOverHTTP10 is whole, and ends with the connection.
func TestExportOverHTTP10(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.reader.page = event.Page{Events: []event.Stored{*storedAt(1)}, At: storedAt(1).Position, End: true}
	w := g.dial(t)
	w.send(strings.Replace(request{"GET", "/events", []string{lines}, ""}.text(), "HTTP/1.1", "HTTP/1.0", 1))
	if a := w.answer("GET"); a.status != 200 || strings.Count(a.body, "\n") != 1 {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

// TestExportsAreCounted: no more than Exports at a time, whether their clients read or
// not; pages are given out all the same, and the place of one that ended is free.
func TestExportsAreCounted(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.Exports = 2; l.Stall = time.Minute })
	large := storedAt(1)
	large.Payload = `"` + strings.Repeat("x", 16<<20) + `"`
	g.reader.page = event.Page{Events: []event.Stored{*large}, At: large.Position, End: true}
	export := request{"GET", "/events", []string{lines}, ""}
	var clients []*wire
	for range 2 {
		w := g.dial(t)
		w.send(export.text())
		if begun, err := w.r.Peek(len("HTTP/1.1 200")); err != nil || string(begun) != "HTTP/1.1 200" {
			t.Fatalf("%s, %v", begun, err)
		}
		clients = append(clients, w)
	}
	if a := g.do(t, export); a.status != 503 || a.kind() != "too-many-exports" {
		t.Errorf("a third: got %d %.300s", a.status, a.body)
	}
	if a := g.get(t, "/events?limit=1"); a.status != 200 {
		t.Errorf("a page beside them: got %d", a.status)
	}
	_ = clients[0].Close()
	for begin := time.Now(); g.exports.Load() > 1; time.Sleep(time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatal("the place of a client that left is not free")
		}
	}
	g.reader.mu.Lock()
	g.reader.page = event.Page{Events: []event.Stored{*storedAt(1)}, At: storedAt(1).Position, End: true}
	g.reader.mu.Unlock()
	for range 5 {
		if a := g.do(t, export); a.status != 200 {
			t.Errorf("got %d %.300s", a.status, a.body)
		}
		for begin := time.Now(); g.exports.Load() > 1 && time.Since(begin) < patience; {
			time.Sleep(time.Millisecond) // its end is read before its connection is closed
		}
	}
	_ = clients[1].Close()
}

func TestExportRefused(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, target := range []string{"/events?limit=10", "/events?order=desc", "/events?x=1"} {
		if a := g.do(t, request{"GET", target, []string{lines}, ""}); a.status != 400 {
			t.Errorf("%s: got %d %s", target, a.status, a.body)
		}
	}
	g.reader.err = &event.CursorError{Gone: true, Oldest: "Zg", Detail: "rewound"}
	if a := g.do(t, request{"GET", "/events?cursor=x", []string{lines}, ""}); a.status != 410 {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

// TestWhoWantsLines by any of its Accept headers, whatever the case, unless a page weighs more.
func TestWhoWantsLines(t *testing.T) {
	t.Parallel()
	for want, accepts := range map[bool][][]string{
		true: {
			{"application/x-ndjson"},
			{"Application/X-NDJSON"},
			{"application/ndjson;q=0.5"},
			{"text/html, application/x-ndjson ; charset=utf-8"},
			{"application/json", "application/x-ndjson"},
			{"application/x-ndjson;q=0.5, application/json;q=0.4, */*"},
			{"application/x-ndjson;q=0.9, application/*;q=0.8"},
		},
		false: {{}, {"*/*"}, {"application/json"}, {"application/x-ndjson;q=0, application/json"}, {"application/x-ndjson; q=0.0"}, {"x-ndjson"}, {"application/json, application/x-ndjson;q=0.9"}, {"application/x-ndjson;q=0.9", "*/*"}},
	} {
		for _, accept := range accepts {
			var ctx fasthttp.RequestCtx
			for _, line := range accept {
				ctx.Request.Header.Add("Accept", line)
			}
			if wantsLines(&ctx) != want {
				t.Errorf("Accept %q: %v", accept, !want)
			}
		}
	}
}
