package httpapi

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

// stowaway is a request hidden in the body of another: were it answered, a body
// had been taken for a request.
const stowaway = "POST /publish HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"

// TestUnreadBody: whatever refuses a request leaves a body unread; it is passed
// over or the connection ends, but it never becomes the next request.
func TestUnreadBody(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{
		"short": strings.Repeat(stowaway, 3),
		"long":  strings.Repeat(stowaway, 400),
		"huge":  strings.Repeat(stowaway, 20_000), // over the limit
	}
	refusals := []struct {
		name, start string
		statuses    []int
		prepare     func(*gate)
	}{
		{"media type", "POST /publish HTTP/1.1\r\nContent-Type: text/plain\r\n", []int{415}, nil},
		{"encoding", "POST /publish HTTP/1.1\r\nContent-Type: application/json\r\nContent-Encoding: br\r\n", []int{415}, nil},
		{"parameter", "POST /publish?results=x HTTP/1.1\r\nContent-Type: application/json\r\n", []int{400}, nil},
		{"draining", "POST /publish HTTP/1.1\r\nContent-Type: application/json\r\n", []int{503}, func(g *gate) { g.Drain() }},
		{"no room", "POST /publish HTTP/1.1\r\nContent-Type: application/json\r\n", []int{503, 413}, func(g *gate) { g.budget.max = 10 }},
		{"path", "POST /nothing HTTP/1.1\r\nContent-Type: application/json\r\n", []int{404}, nil},
		{"method", "PUT /publish HTTP/1.1\r\nContent-Type: application/json\r\n", []int{405}, nil},
		{"method of a GET", "POST /stats HTTP/1.1\r\nContent-Type: application/json\r\n", []int{405}, nil},
		{"options", "OPTIONS /publish HTTP/1.1\r\n", []int{204}, nil},
		{"a GET with a body", "GET /healthz HTTP/1.1\r\n", []int{200}, nil},
		{"a HEAD with a body", "HEAD /healthz HTTP/1.1\r\n", []int{200}, nil},
	}
	for _, refusal := range refusals {
		for size, body := range bodies {
			for framing, text := range map[string]string{
				"length":  fmt.Sprintf("Host: gate\r\nContent-Length: %d\r\n\r\n%s", len(body), body),
				"chunked": fmt.Sprintf("Host: gate\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body),
			} {
				t.Run(refusal.name+"/"+size+"/"+framing, func(t *testing.T) {
					t.Parallel()
					g := open(t)
					if refusal.prepare != nil {
						refusal.prepare(g)
					}
					method, _, _ := strings.Cut(refusal.start, " ")
					followed(t, g, method, refusal.start+text, refusal.statuses)
					if len(g.publisher.Rows()) > 0 || g.publisher.Calls() > 0 {
						t.Error("something was published")
					}
				})
			}
		}
	}
}

// followed sends a request and, on the same connection, another; it wants the one
// answered, and then either the other or the end of the connection.
func followed(t *testing.T, g *gate, method, text string, statuses []int) {
	t.Helper()
	w := g.dial(t)
	go func() { // ends with the connection
		_, _ = w.Write([]byte(text + "GET /last HTTP/1.1\r\nHost: gate\r\nX-Request-Id: last\r\n\r\n"))
	}()
	a := w.answer(method)
	known := false
	for _, status := range statuses {
		known = known || a.status == status
	}
	if !known {
		t.Errorf("got %d %s, want one of %v", a.status, a.body, statuses)
	}
	if a.last {
		w.closed()
		return
	}
	if next := w.answer("GET"); next.status != 404 || next.header.Get("X-Request-Id") != "last" {
		t.Errorf("the next request was answered %d %v", next.status, next.header)
	}
}

func TestChunked(t *testing.T) {
	t.Parallel()
	start := "POST /publish HTTP/1.1\r\nHost: gate\r\n" + jsonType + "\r\nTransfer-Encoding: chunked\r\n\r\n"
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	fill := strings.Repeat(" ", 1<<20-2)
	for _, c := range []struct {
		name, body string
		status     int
		kind       string
		open       bool // the connection can be used again
	}{
		{"one chunk", chunk(valid("a")) + "0\r\n\r\n", 200, "", true},
		{"many small chunks", chunk("[") + strings.Repeat(chunk(" "), 3000) + chunk(valid("a")) + chunk("]") + "0\r\n\r\n", 200, "", true},
		{"chunks over many doublings", chunk("[") + strings.Repeat(chunk(strings.Repeat(" ", 10_000)), 100) + chunk("]") + "0\r\n\r\n", 200, "", true},
		{"a trailer", chunk("[]") + "0\r\nX-Sum: 1\r\n\r\n", 200, "", true},
		{"an extension", "2;name=value\r\n[]\r\n0\r\n\r\n", 200, "", true},
		{"no chunk at all", "0\r\n\r\n", 400, "not-json", true},
		{"exactly the limit", chunk("["+fill+"]") + "0\r\n\r\n", 200, "", true},
		{"one byte more", chunk("[ "+fill+"]") + "0\r\n\r\n", 413, "body-too-large", false},
		{"far more", strings.Repeat(chunk(fill), 30), 413, "body-too-large", false},
		{"a size that is no number", "x\r\n", 400, "bad-request", false},
		{"a size out of range", "ffffffffffffffffff\r\n[]", 400, "bad-request", false},
		{"a negative size", "-2\r\n[]\r\n0\r\n\r\n", 400, "bad-request", false},
		{"a size longer than its chunk", "5\r\n[]\r\n0\r\n\r\n", 400, "bad-request", false},
		{"a size shorter than its chunk", "1\r\n[]\r\n0\r\n\r\n", 400, "bad-request", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := open(t)
			w := g.dial(t)
			go func() { _, _ = w.Write([]byte(start + c.body)) }() // ends with the connection
			a := w.answer("POST")
			if a.status != c.status || a.kind() != c.kind {
				t.Errorf("got %d %s", a.status, a.body)
			}
			if !c.open {
				w.closed()
				return
			}
			w.send(request{method: "GET", target: "/healthz"}.text())
			if a := w.answer("GET"); a.status != 200 {
				t.Errorf("the next request: got %d", a.status)
			}
		})
	}
}

// A client that asks first gets its refusal, never "100 Continue" and then a
// refusal.
func TestExpect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, start string
		length      int
		status      int
		prepare     func(*gate)
	}{
		{"taken", "POST /publish HTTP/1.1\r\nContent-Type: application/json\r\n", 2, 100, nil},
		{"taken, any length", "POST /publish HTTP/1.1\r\nContent-Type: application/json\r\n", 1 << 20, 100, nil},
		{"too large", "POST /publish HTTP/1.1\r\nContent-Type: application/json\r\n", 1<<20 + 1, 413, nil},
		{"media type", "POST /publish HTTP/1.1\r\nContent-Type: text/plain\r\n", 2, 415, nil},
		{"parameter", "POST /publish?results=x HTTP/1.1\r\nContent-Type: application/json\r\n", 2, 400, nil},
		{"a parameter nobody knows", "POST /publish?x=1 HTTP/1.1\r\nContent-Type: application/json\r\n", 2, 400, nil},
		{"no room", "POST /publish HTTP/1.1\r\nContent-Type: application/json\r\n", 11, 503, func(g *gate) { g.budget.max = 10 }},
		{"draining", "POST /publish HTTP/1.1\r\nContent-Type: application/json\r\n", 2, 503, func(g *gate) { g.Drain() }},
		{"path", "POST /nothing HTTP/1.1\r\nContent-Type: application/json\r\n", 2, 404, nil},
		{"method", "PUT /publish HTTP/1.1\r\nContent-Type: application/json\r\n", 2, 405, nil},
		{"options", "OPTIONS /publish HTTP/1.1\r\n", 2, 204, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := open(t)
			if c.prepare != nil {
				c.prepare(g)
			}
			w := g.dial(t)
			w.send(fmt.Sprintf("%sHost: gate\r\nExpect: 100-continue\r\nX-Request-Id: mine\r\nContent-Length: %d\r\n\r\n", c.start, c.length))
			a := w.answer("POST")
			if a.status != c.status {
				t.Fatalf("got %d %s, want %d", a.status, a.body, c.status)
			}
			if c.status == 100 {
				w.send("[" + strings.Repeat(" ", c.length-2) + "]")
				if a := w.answer("POST"); a.status != 200 || a.header.Get("X-Request-Id") != "mine" {
					t.Errorf("got %d %v %s", a.status, a.header, a.body)
				}
				return
			}
			if id := a.header.Get("X-Request-Id"); id != "mine" {
				t.Errorf("X-Request-Id %q", id)
			}
			w.closed()
		})
	}
}

// TestWhoExpects: capitals do not count, and HTTP/1.0 has no 100.
func TestWhoExpects(t *testing.T) {
	t.Parallel()
	g := open(t)
	w := g.dial(t)
	w.send("POST /publish HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\nexpect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
	if a := w.answer("POST"); a.status != 100 {
		t.Errorf("capitals: got %d %s", a.status, a.body)
	}
	w = g.dial(t)
	w.send("POST /publish HTTP/1.0\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n[]")
	if a := w.answer("POST"); a.status != 200 {
		t.Errorf("HTTP/1.0: got %d %s", a.status, a.body)
	}
}

// A client that asks and does not wait for the answer gets it all the same, whole,
// and not a reset.
func TestExpectWithoutWaiting(t *testing.T) {
	t.Parallel()
	g := open(t)
	body := strings.Repeat(stowaway, 2000)
	w := g.dial(t)
	sent := make(chan struct{})
	go func() { // ends with the connection
		defer close(sent)
		_, _ = fmt.Fprintf(w, "POST /publish HTTP/1.1\r\nHost: gate\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}()
	if a := w.answer("POST"); a.status != 415 {
		t.Errorf("got %d %s", a.status, a.body)
	}
	<-sent
	w.closed()
	if g.publisher.Calls() > 0 {
		t.Error("something was published")
	}
}

// TestAnswersAfterAPause: the time for an answer begins with it. When a connection was idle for longer than that, what is said
// before a handler runs is said all the same.
func TestAnswersAfterAPause(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]int{
		publishLine + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n": 100,
		"no request\r\n\r\n": 400,
	} {
		g := open(t)
		client, server := net.Pipe()
		c := &conn{open: &g.connections}
		c.init(server)
		g.connections.Add(1)
		served := make(chan struct{})
		go func() { // ends with the pipe, awaited below
			defer close(served)
			_ = g.fast.ServeConn(c)
		}()
		_ = client.SetDeadline(time.Now().Add(patience))
		w := &wire{client, t, bufio.NewReader(client)}
		w.send(healthLine + "\r\n")
		w.answer("GET")
		_ = c.SetWriteDeadline(epoch) // the last answer's time is over
		w.send(sent)
		if a, err := w.next("POST"); err != nil || a.status != want {
			t.Errorf("%q: got %d, %v, want %d", sent, a.status, err, want)
		}
		_ = client.Close()
		<-served
	}
}

// A body that does not come in time is answered 408, whether fasthttp waits for
// its first bytes or the handler for the rest, and gives its bytes back.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	post := "POST /publish HTTP/1.1\r\nHost: gate\r\n" + jsonType + "\r\n"
	for name, text := range map[string]string{
		"no byte of a header":        "",
		"half a header":              "POST /publish HTTP/1.1\r\nHo",
		"no byte of the body":        post + "Content-Length: 10\r\n\r\n",
		"half of a short body":       post + "Content-Length: 10\r\n\r\n[",
		"half of a long body":        post + "Content-Length: 100000\r\n\r\n[" + strings.Repeat(" ", 50_000),
		"no chunk":                   post + "Transfer-Encoding: chunked\r\n\r\n",
		"half a chunk size":          post + "Transfer-Encoding: chunked\r\n\r\n1",
		"half a chunk":               post + "Transfer-Encoding: chunked\r\n\r\n10\r\n[",
		"a chunk without its end":    post + "Transfer-Encoding: chunked\r\n\r\n1\r\n[",
		"chunks without the last":    post + "Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n",
		"a trailer that never ends":  post + "Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nX: ",
		"a body that was asked for ": post + "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := open(t, func(l *Limits) { l.ReadTimeout = 100 * time.Millisecond })
			w := g.dial(t)
			w.send(text)
			a := w.answer("POST")
			if a.status == 100 {
				a = w.answer("POST")
			}
			if a.status != 408 || a.kind() != "too-slow" {
				t.Errorf("got %d %s", a.status, a.body)
			}
			w.closed()
		})
	}
}

// TestUnfinishedBody: of a body whose end did not come nothing is stored, wherever it breaks off. A proxy that
// passes bodies on as they come ends its connection where its own client has broken off, and that is often behind
// a whole line. A client that closes its side behind a whole body has its answer.
func TestUnfinishedBody(t *testing.T) {
	t.Parallel()
	g := open(t)
	post := "POST /publish HTTP/1.1\r\nHost: gate\r\nContent-Type: application/x-ndjson\r\n"
	for name, framed := range map[string]func(line string) (start, end string){
		"a length": func(line string) (string, string) {
			return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", 2*len(line), line), line
		},
		"between two chunks":   func(line string) (string, string) { return chunked(line), chunkOf(line) + "0\r\n\r\n" },
		"before the last one":  func(line string) (string, string) { return chunked(line), "0\r\n\r\n" },
		"in a size":            func(line string) (string, string) { return chunked(line) + "1", "\r\n\n\r\n0\r\n\r\n" },
		"in the last one":      func(line string) (string, string) { return chunked(line) + "0\r\n", "\r\n" },
		"in a chunk":           func(line string) (string, string) { return chunked(line) + "2\r\n ", " \r\n0\r\n\r\n" },
		"in the fields behind": func(line string) (string, string) { return chunked(line) + "0\r\nX: y\r\n", "\r\n" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, whole := range []bool{false, true} {
				id := fmt.Sprintf("%s, whole: %t", name, whole)
				text, end := framed(valid(id) + "\n")
				if whole {
					text += end
				}
				w := g.dial(t)
				w.send(post + text)
				if err := w.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
					t.Fatal(err)
				}
				a := w.answer("POST")
				if whole && a.status != 200 || !whole && (a.status != 400 || a.kind() != "bad-request") {
					t.Errorf("whole: %t: got %d %s", whole, a.status, a.body)
				}
				if _, stored := g.publisher.Rows()[storetest.Key{ID: id, Topic: "t"}]; stored != whole {
					t.Errorf("whole: %t, and stored: %t", whole, stored)
				}
			}
		})
	}
}

func chunkOf(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }

// chunked is a body whose last chunk is still to come.
func chunked(s string) string { return "Transfer-Encoding: chunked\r\n\r\n" + chunkOf(s) }

// A client that leaves, at whatever point, leaves nothing behind.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	g := open(t)
	post := "POST /publish HTTP/1.1\r\nHost: gate\r\n" + jsonType + "\r\n"
	for _, text := range []string{
		"", "P", post, post + "Content-Length: 10\r\n\r\n[", post + "Content-Length: 100000\r\n\r\n[" + strings.Repeat(" ", 50_000),
		post + "Transfer-Encoding: chunked\r\n\r\n5\r\n[", post + "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n",
	} {
		w := g.dial(t)
		w.send(text)
		_ = w.Close()
	}
	arrived, release := make(chan struct{}), make(chan struct{})
	g.publisher.hold = func(event.Group) { arrived <- struct{}{}; <-release }
	w := g.dial(t)
	w.send(request{"POST", "/publish", []string{jsonType}, valid("left")}.text())
	<-arrived
	_ = w.Close()
	close(release)
	if a := g.get(t, "/healthz"); a.status != 200 {
		t.Errorf("got %d", a.status)
	}
}

// TestAllocate: a body of the usual length brings room for its event; one that is much shorter or longer
// takes no more than itself. Nothing can be appended to a body.
func TestAllocate(t *testing.T) {
	t.Parallel()
	for length, room := range map[int]int{0: 0, 1: 0, shortBody/4 - 1: 0, shortBody / 4: 1, shortBody: 1, shortBody + 1: 0, 100_000: 0} {
		body, events := allocate(length)
		if len(body) != length || cap(body) != length || len(events) != 0 || cap(events) != room {
			t.Errorf("%d bytes: a body of %d (%d) bytes, and room for %d events, want %d", length, len(body), cap(body), cap(events), room)
		}
	}
}

// TestThePeakHasRoomForTheParts of a body as large as may be, and of any smaller one: a part that is full is held beside the next.
func TestThePeakHasRoomForTheParts(t *testing.T) {
	t.Parallel()
	for _, part := range []int{firstPart, partGrowth * firstPart} {
		for _, limit := range []int{part - 1, part, part + 1, 3 * part / 2, 2*part + 1, 5 * part} {
			for _, length := range []int{limit, min(limit, part+1)} {
				b := &budget{max: peak(int64(limit))}
				if body, _, err := readParts(strings.NewReader(strings.Repeat("x", length)), length, &account{budget: b}); err != nil || len(body) != length || b.used.Load() != int64(length) {
					t.Errorf("%d bytes of %d at most: %d bytes, %d taken, %v", length, limit, len(body), b.used.Load(), err)
				}
			}
		}
	}
}
