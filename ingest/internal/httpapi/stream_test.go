package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/internal/event"
)

// streamOf opens a stream; its answer's header has come by then.
func (g *gate) streamOf(t testing.TB, target string, header ...string) (*wire, *http.Response) {
	t.Helper()
	w := g.dial(t)
	w.send(request{"GET", target, header, ""}.text())
	response, err := http.ReadResponse(w.r, &http.Request{Method: "GET"})
	if err != nil {
		t.Fatal(err)
	}
	return w, response
}

// blocks reads n blocks of a stream.
func blocks(t testing.TB, r io.Reader, n int) (blocks []string) {
	t.Helper()
	var text []byte
	for len(blocks) < n {
		var b [1]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			t.Fatalf("after %q: %v", blocks, err)
		}
		if text = append(text, b[0]); strings.HasSuffix(string(text), "\n\n") {
			blocks = append(blocks, string(text))
			text = nil
		}
	}
	return blocks
}

func storedAt(n int64) *event.Stored {
	e := storedPage.Events[1]
	e.Event.ID, e.Position = fmt.Sprint(n), event.Position{Commit: n, ID: n}
	return &e
}

// TestStream: the place first, then each event with the place behind it, and bare
// places while nothing comes.
func TestStream(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.Heartbeat = 20 * time.Millisecond })
	_, response := g.streamOf(t, "/events/stream?topic=a&topic=b&source=s&after=beginning")
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" || response.Header.Get("X-Request-Id") != "golden" ||
		response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("X-Accel-Buffering") != "no" || response.TransferEncoding[0] != "chunked" {
		t.Fatalf("got %d %v %v", response.StatusCode, response.Header, response.TransferEncoding)
	}
	want := []event.Query{{Topics: []string{"a", "b"}, Source: "s"}}
	if diff := cmp.Diff(want, g.feed.asked); diff != "" || g.reader.started[0] != "beginning" || g.feed.from.Commit != 5 {
		t.Errorf("asked %v from %v: %s", g.reader.started, g.feed.from, diff)
	}
	start := event.Position{Commit: 5, ID: 50, Identity: 500}.Cursor()
	if got := blocks(t, response.Body, 2); got[0] != "retry: 1000\nid: "+start+"\n\n" || got[1] != "id: "+start+"\n\n" {
		t.Errorf("the opening: %q", got)
	}
	odd := storedAt(7)
	odd.Payload = "{\r\n\"a\":\r1\n}"
	g.feed.events <- []*event.Stored{storedAt(6), odd}
	g.feed.events <- event.Position{Commit: 8, ID: 80}
	place := func(n, id int64) string { return event.Position{Commit: n, ID: id}.Cursor() }
	want6 := "id: " + place(6, 6) + "\ndata: " + string(appendEvent(nil, storedAt(6))) + "\n\n"
	want7 := "id: " + place(7, 7) + "\ndata: " + strings.Replace(string(appendEvent(nil, odd)), odd.Payload, "{\ndata: \"a\":\ndata: 1\ndata: }", 1) + "\n\n"
	var got []string
	for len(got) < 3 {
		if b := blocks(t, response.Body, 1)[0]; b != "id: "+start+"\n\n" && b != "id: "+place(7, 7)+"\n\n" { // heartbeats in between
			got = append(got, b)
		}
	}
	if diff := cmp.Diff([]string{want6, want7, "id: " + place(8, 80) + "\n\n"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestStreamResumes: the header of a client that comes back wins over the URL that it
// began with; without either a stream begins now.
func TestStreamResumes(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.streamOf(t, "/events/stream?after=beginning", "Last-Event-ID: abc")
	g.streamOf(t, "/events/stream")
	g.streamOf(t, "/events/stream?after=xyz")
	if diff := cmp.Diff([]string{"abc", "now", "xyz"}, g.reader.started); diff != "" {
		t.Error(diff)
	}
}

// TestStreamResumesWithoutADatabase: an EventSource never comes back after any answer but
// 200. So a cursor is followed all the same, and the feed waits for the database. Only
// who begins now has to be told that the end of the log is not known.
func TestStreamResumesWithoutADatabase(t *testing.T) {
	t.Parallel()
	place := event.Position{Commit: 7, ID: 70, Identity: 700}
	for name, r := range map[string]request{
		"Last-Event-ID": {"GET", "/events/stream?topic=a", []string{"Last-Event-ID: " + place.Cursor()}, ""},
		"after":         {"GET", "/events/stream?topic=a&after=" + place.Cursor(), nil, ""},
	} {
		g := open(t)
		g.reader.err = io.ErrUnexpectedEOF
		_, response := g.streamOf(t, r.target, r.header...)
		if response.StatusCode != 200 {
			t.Fatalf("%s: got %d", name, response.StatusCode)
		}
		if got := blocks(t, response.Body, 1)[0]; got != "retry: 1000\nid: "+place.Cursor()+"\n\n" || g.feed.from != place {
			t.Errorf("%s: it begins with %q, from %v", name, got, g.feed.from)
		}
		if a := g.do(t, request{"HEAD", r.target, r.header, ""}); a.status != 200 {
			t.Errorf("%s: HEAD is answered %d", name, a.status)
		}
	}
	for _, target := range []string{"/events/stream", "/events/stream?after=now", "/events/stream?after=x"} {
		g := open(t)
		g.reader.err = io.ErrUnexpectedEOF
		if a := g.get(t, target); a.status != 503 || a.kind() != "database-unavailable" {
			t.Errorf("%s: got %d %s", target, a.status, a.body)
		}
	}
}

// TestStreamEnds: as the feed says, and when the server drains; the client's side is
// told so by the end of the chunks.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		end  func(g *gate)
		want string
	}{
		"cut off": {func(g *gate) { g.feed.events <- event.ErrCutOff }, ": cut off because the client did not read; reconnect with the last id\n\n"},
		"gone":    {func(g *gate) { g.feed.events <- &event.CursorError{Gone: true, Oldest: "Zg", Detail: "d"} }, "event: gone\ndata: " + `{"type":"urn:ingot:problem:cursor-gone","title":"The cursor's place in the log is gone","status":410,"detail":"d","oldest_cursor":"Zg"}` + "\n\n"},
		"stopped": {func(g *gate) { g.feed.events <- event.ErrFeedClosed }, ": the server is stopping\n\n"},
		"drained": {func(g *gate) { g.Drain() }, ""},
	} {
		g := open(t)
		_, response := g.streamOf(t, "/events/stream")
		blocks(t, response.Body, 1)
		c.end(g)
		if rest, err := io.ReadAll(response.Body); err != nil || string(rest) != c.want {
			t.Errorf("%s: got %q %v", name, rest, err)
		}
	}
}

// TestStreamPanics: the stream is broken off, and nothing else.
func TestStreamPanics(t *testing.T) {
	t.Parallel()
	g := open(t)
	_, response := g.streamOf(t, "/events/stream")
	blocks(t, response.Body, 1)
	g.feed.events <- "a mistake"
	if rest, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q %v, want a stream that is broken off", rest, err)
	}
	if a := g.get(t, "/healthz"); a.status != 200 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	logged := g.logs.FilterMessage("a streamed answer was cut short").All()
	if len(logged) != 1 || logged[0].ContextMap()["request_id"] != "golden" || !strings.Contains(fmt.Sprint(logged[0].ContextMap()["error"]), "panic: a mistake") {
		t.Errorf("logged: %v", logged)
	}
}

// TestStreamClientLeaves: it is noticed at once, though nothing is sent.
func TestStreamClientLeaves(t *testing.T) {
	t.Parallel()
	g := open(t)
	w, response := g.streamOf(t, "/events/stream")
	blocks(t, response.Body, 1)
	_ = w.Close()
	for begin := time.Now(); g.feed.subscribers() > 0 || g.connections.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Since(begin) > patience {
			t.Fatal("the stream goes on")
		}
	}
}

// TestStreamClientSendsWithoutEnd: such a client is left, for reading what nobody asked for costs more than sending it.
// The body of a GET, which says nothing, does no harm.
func TestStreamClientSendsWithoutEnd(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.Heartbeat = 20 * time.Millisecond })
	w, response := g.streamOf(t, "/events/stream")
	w.send(strings.Repeat("x", maxUnasked/2))
	blocks(t, response.Body, 3)
	if n := g.feed.subscribers(); n != 1 {
		t.Fatalf("%d streams after half of what may be sent", n)
	}
	more := []byte(strings.Repeat("x", 16<<10))
	for begin := time.Now(); g.feed.subscribers() > 0 || g.connections.Load() > 0; {
		_, _ = w.Write(more) // fails once the connection is closed
		if time.Since(begin) > patience {
			t.Fatal("the stream goes on")
		}
	}
}

// TestStreamClientDoesNotRead: what it is sent fills the buffers in between, and then
// it is cut off; another stream goes on.
func TestStreamClientDoesNotRead(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.Stall = 200 * time.Millisecond })
	w, response := g.streamOf(t, "/events/stream")
	blocks(t, response.Body, 1)
	large := storedAt(1)
	large.Payload = `"` + strings.Repeat("x", 1<<20) + `"`
	deadline := time.After(patience)
	for sent := 0; g.feed.subscribers() > 0; sent++ {
		select {
		case g.feed.events <- []*event.Stored{large}:
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%d MiB unread, and not cut off", sent)
		}
	}
	if _, err := io.Copy(io.Discard, w.r); err == nil { // broken off, not ended: the last chunk is missing
		if _, err := io.Copy(io.Discard, response.Body); err == nil {
			t.Error("the answer came to a clean end")
		}
	}
}

func TestStreamOverHTTP10(t *testing.T) {
	t.Parallel()
	g := open(t)
	w := g.dial(t)
	w.send("GET /events/stream HTTP/1.0\r\nHost: gate\r\n\r\n")
	response, err := http.ReadResponse(w.r, &http.Request{Method: "GET"})
	if err != nil || response.StatusCode != 200 || len(response.TransferEncoding) > 0 {
		t.Fatalf("got %v %v", response, err)
	}
	if got := blocks(t, response.Body, 1); !strings.HasPrefix(got[0], "retry: ") {
		t.Errorf("%q", got)
	}
	g.Drain()
	if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
}

// TestStreamAskedToClose: a proxy that says Connection: close gets its stream all the
// same.
func TestStreamAskedToClose(t *testing.T) {
	t.Parallel()
	g := open(t)
	_, response := g.streamOf(t, "/events/stream", "Connection: close")
	blocks(t, response.Body, 1)
}

func TestStreamRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, target string
		read, feed   error
		status       int
		kind         string
	}{
		{"a name nobody knows", "/events/stream?cursor=x", nil, nil, 400, "bad-parameter"},
		{"after twice", "/events/stream?after=now&after=now", nil, nil, 400, "bad-parameter"},
		{"an empty place", "/events/stream?after=", nil, nil, 400, "bad-parameter"},
		{"an empty topic", "/events/stream?topic=", nil, nil, 400, "bad-parameter"},
		{"a place that is none", "/events/stream?after=x", &event.CursorError{Detail: "not a valid cursor"}, nil, 400, "bad-cursor"},
		{"a place that is gone", "/events/stream?after=x", &event.CursorError{Gone: true, Oldest: "Zg", Detail: "rewound"}, nil, 410, "cursor-gone"},
		{"no database", "/events/stream", io.ErrUnexpectedEOF, nil, 503, "database-unavailable"},
		{"too many streams", "/events/stream", nil, event.ErrFeedFull, 503, "too-many-streams"},
		{"a feed that stops", "/events/stream", nil, event.ErrFeedClosed, 503, "draining"},
	} {
		g := open(t)
		g.reader.err, g.feed.err = c.read, c.feed
		if a := g.get(t, c.target); a.status != c.status || a.kind() != c.kind {
			t.Errorf("%s: got %d %s", c.name, a.status, a.body)
		}
	}
	g := open(t)
	if a := g.do(t, request{method: "HEAD", target: "/events/stream"}); a.status != 200 || a.header.Get("Content-Type") != "text/event-stream" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("HEAD: %+v", a)
	}
	g.Drain()
	if a := g.get(t, "/events/stream"); a.status != 503 || a.kind() != "draining" {
		t.Errorf("draining: %+v", a)
	}
}
