package httpapi

import (
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/internal/event"
)

func TestStats(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.reader.totals = event.Totals{Received: 10, Stored: 7, Topics: map[string]int64{"a": 5, "b": 2}}
	g.post(t, "/publish", "[1,2,{}]")
	var got map[string]any
	if err := json.Unmarshal([]byte(g.get(t, "/stats").body), &got); err != nil {
		t.Fatal(err)
	}
	if up, ok := got["uptime_seconds"].(float64); !ok || up < 0 || up > patience.Seconds() {
		t.Errorf("uptime_seconds is %v", got["uptime_seconds"])
	}
	if n, ok := got["mallocs_total"].(float64); !ok || n <= 0 {
		t.Errorf("mallocs_total is %v", got["mallocs_total"])
	}
	delete(got, "uptime_seconds")
	delete(got, "mallocs_total")
	want := map[string]any{
		"received": 10.0, "unique_processed": 7.0, "duplicate_dropped": 3.0, "rejected": 3.0,
		"topics": map[string]any{"a": 5.0, "b": 2.0}, "bodies_in_flight_bytes": 0.0,
		"queue": map[string]any{
			"queued_events": 1.0, "queued_bytes": 2.0, "batches": 3.0, "last_batch_events": 4.0, "failed_attempts": 0.0,
			"failed_batches": 0.0, "refused_events": 0.0, "expired_requests": 0.0, "split_batches": 0.0, "parked_requests": 0.0,
			"decoder_misses": 0.0, "constraint_refusals": 0.0, "unexplained_requests": 0.0, "lingered_batches": 0.0,
		},
		"filter": map[string]any{
			"hits": 5.0, "false_positives": 0.0, "learnt_in_vain": 0.0, "missed_duplicates": 0.0, "keys": 0.0, "rotations": 0.0, "fill": 0.0, "bytes": 0.0,
		},
		"feed": map[string]any{"streams": 6.0, "catching_up": 7.0, "max_streams": 8.0, "exports": 0.0, "max_exports": 10.0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestTopicsWanted: so many, or all.
func TestTopicsWanted(t *testing.T) {
	t.Parallel()
	g := open(t)
	for _, c := range []struct {
		target string
		status int
	}{
		{"/stats", 200},
		{"/stats?topics=0", 200},
		{"/stats?topics=1000", 200},
		{"/stats?other=1", 200},
		{"/stats?topics=1001", 400},
		{"/stats?topics=-1", 400},
		{"/stats?topics=", 400},
		{"/stats?topics=all", 400},
		{"/stats?topics=1&topics=2", 400},
	} {
		if a := g.get(t, c.target); a.status != c.status {
			t.Errorf("%s: %d %s", c.target, a.status, a.body)
		}
	}
	if diff := cmp.Diff([]int{allTopics, 0, 1000, allTopics}, g.reader.most); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
}

// TestOneListAtATime: topics may be millions, and each list is held whole while it is made.
func TestOneListAtATime(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.QueryTimeout = 100 * time.Millisecond })
	g.reader.held = make(chan struct{})
	answers := make(chan answer, 2)
	for range 2 {
		go func() { answers <- g.get(t, "/stats") }()
	}
	select {
	case a := <-answers:
		if a.status != 503 || a.kind() != "database-unavailable" {
			t.Errorf("who waits: %d %s", a.status, a.body)
		}
	case <-time.After(patience / 2):
		t.Error("both lists are made")
	}
	if a := g.get(t, "/stats?topics=0"); a.status != 200 {
		t.Errorf("who does not want the list: %d %s", a.status, a.body)
	}
	if a := g.get(t, "/subscriptions"); a.status != 503 || a.kind() != "database-unavailable" {
		t.Errorf("who wants another one: %d %s", a.status, a.body)
	}
	close(g.reader.held)
	if a := <-answers; a.status != 200 {
		t.Errorf("who does not: %d %s", a.status, a.body)
	}
	if a := g.get(t, "/subscriptions"); a.status != 200 {
		t.Errorf("another one, later: %d %s", a.status, a.body)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	g := open(t)
	if a := g.get(t, "/healthz"); a.status != 200 || a.body != `{"status":"ok"}` {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := g.get(t, "/readyz"); a.status != 200 || a.body != `{"status":"ready"}` {
		t.Errorf("got %d %s", a.status, a.body)
	}
	if a := g.get(t, "/"); a.status != 200 || !strings.Contains(a.body, "/publish") || !strings.Contains(a.header.Get("Content-Security-Policy"), "connect-src 'self'") {
		t.Errorf("got %d %s", a.status, a.body)
	}
}

// A server that stops refuses new events, answers the ones it has, and still tells
// that it is alive.
func TestDraining(t *testing.T) {
	t.Parallel()
	g := open(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	g.publisher.hold = func(event.Group) { close(arrived); <-release }
	waiting := g.dial(t)
	waiting.send(request{"POST", "/publish", []string{jsonType}, valid("a")}.text())
	<-arrived
	g.Drain()
	for target, status := range map[string]int{"/readyz": 503, "/healthz": 200, "/events": 200, "/stats": 200} {
		if a := g.get(t, target); a.status != status {
			t.Errorf("%s: got %d %s", target, a.status, a.body)
		}
	}
	for _, r := range []request{{"POST", "/publish", []string{jsonType}, valid("b")}, {"GET", "/events", []string{lines}, ""}, {"GET", "/events/stream", nil, ""}} {
		if a := g.do(t, r); a.status != 503 || a.kind() != "draining" {
			t.Errorf("%s: got %d %s", r.target, a.status, a.body)
		}
	}
	late := g.dial(t)
	late.send(request{"GET", "/healthz", nil, ""}.text())
	late.answer("GET")
	late.closed()
	close(release)
	if a := waiting.answer("POST"); a.status != 200 {
		t.Errorf("the one that waited: got %d %s", a.status, a.body)
	}
	waiting.closed() // or the next request on it would meet the end of the server
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	g := open(t)
	own := regexp.MustCompile(`^test-[0-9a-z]+$`)
	seen := map[string]bool{}
	for _, c := range []struct {
		given string
		taken bool
	}{
		{"azAZ09-_.", true},
		{strings.Repeat("x", 64), true},
		{"", false},
		{strings.Repeat("x", 65), false},
		{"a b", false},
		{"a\"b", false},
		{"ä", false},
		{"a\tb", false},
	} {
		for _, target := range []string{"/healthz", "/nothing"} {
			w := g.dial(t)
			w.send("GET " + target + " HTTP/1.1\r\nHost: gate\r\nX-Request-Id: " + c.given + "\r\n\r\n")
			id := w.answer("GET").header.Get("X-Request-Id")
			if c.taken && id != c.given || !c.taken && (!own.MatchString(id) || seen[id]) {
				t.Errorf("given %q, answered %q", c.given, id)
			}
			seen[id] = true
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	g := open(t)
	gets := []string{"/", "/events", "/stats", "/healthz", "/readyz"}
	for _, path := range gets {
		if a := g.do(t, request{method: "HEAD", target: path}); a.status != 200 || a.body != "" {
			t.Errorf("HEAD %s: got %d %q", path, a.status, a.body)
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "PROPFIND"} {
			if a := g.do(t, request{method: method, target: path}); a.status != 405 || a.header.Get("Allow") != "GET, HEAD, OPTIONS" {
				t.Errorf("%s %s: got %d %v", method, path, a.status, a.header)
			}
		}
	}
	if a := g.do(t, request{method: "HEAD", target: "/events/stream"}); a.status != 200 || a.last || len(g.feed.asked) > 0 {
		t.Errorf("HEAD of a stream, which has none: got %d %v", a.status, a.header)
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
		if a := g.do(t, request{method: method, target: "/publish"}); a.status != 405 || a.header.Get("Allow") != "POST, OPTIONS" {
			t.Errorf("%s /publish: got %d %v", method, a.status, a.header)
		}
	}
	for _, path := range append(gets, "/publish") {
		if a := g.do(t, request{method: "OPTIONS", target: path}); a.status != 204 || a.header.Get("Allow") == "" || a.body != "" {
			t.Errorf("OPTIONS %s: got %d %v", path, a.status, a.header)
		}
	}
	var any []string // method of any path
	for _, r := range g.routes {
		any = append(any, strings.Split(r.allow(), ", ")...)
	}
	if a := g.do(t, request{method: "OPTIONS", target: "*"}); a.status != 204 || a.body != "" {
		t.Errorf("OPTIONS *: got %d %s", a.status, a.body)
	} else {
		same(t, "methods", strings.Split(a.header.Get("Allow"), ", "), any)
	}
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
		if a := g.do(t, request{method: method, target: "/nothing"}); a.status != 404 {
			t.Errorf("%s /nothing: got %d", method, a.status)
		}
	}
}

// TestNothingIsKeptInBetween: a cache that is not told, as Varnish, keeps what a GET is answered for two minutes: a page, a
// subscription's next events, that a server is ready, that an event is not there.
func TestNothingIsKeptInBetween(t *testing.T) {
	t.Parallel()
	g := open(t)
	if a := g.do(t, request{"PUT", "/subscriptions/s", []string{jsonType}, "{}"}); a.status != 201 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	for target, want := range map[string]string{
		"/events": "200 no-store", "/events/t/none": "404 no-store", "/nothing": "404 no-store", "/events?limit=x": "400 no-store",
		"/subscriptions": "200 no-store", "/subscriptions/s/events": "200 no-store", "/stats": "200 no-store", "/metrics": "200 no-store",
		"/readyz": "200 no-store", "/publish": "405 no-store", "/": "200 no-cache", "/docs/live.js": "200 no-cache",
	} {
		for _, method := range []string{"GET", "HEAD"} {
			a := g.do(t, request{method: method, target: target})
			if got := fmt.Sprint(a.status, " ", strings.Join(a.header.Values("Cache-Control"), ", ")); got != want {
				t.Errorf("%s %s: %s, want %s", method, target, got, want)
			}
		}
	}
}

// A handler that panics is answered 500 and logged; the process, the connections
// of others and the next request live on.
func TestPanic(t *testing.T) {
	t.Parallel()
	g := open(t)
	g.publisher.hold = func(event.Group) { panic("boom") }
	other := g.dial(t)
	other.send(request{method: "GET", target: "/healthz"}.text())
	other.answer("GET")
	w := g.dial(t)
	w.send(request{"POST", "/publish", []string{jsonType}, valid("a")}.text())
	if a := w.answer("POST"); a.status != 500 || a.kind() != "internal" {
		t.Errorf("got %d %s", a.status, a.body)
	}
	w.closed()
	if n := g.logs.FilterMessage("request failed: internal").Len(); n != 1 {
		t.Errorf("%d log lines", n)
	}
	other.send(request{method: "GET", target: "/healthz"}.text())
	if a := other.answer("GET"); a.status != 200 {
		t.Errorf("the other: got %d", a.status)
	}
}

// fewFiles is a listener of a process that runs out of file descriptors twice.
type fewFiles struct {
	net.Listener
	failures int
}

func (l *fewFiles) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

// Running out of file descriptors must not end the server: fasthttp gives up at
// the first accept that fails.
func TestAcceptFails(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := openOn(t, &fewFiles{inner, 2}, nil)
	if a := g.get(t, "/healthz"); a.status != 200 {
		t.Errorf("got %d", a.status)
	}
	if n := g.logs.FilterMessage("a connection could not be accepted").Len(); n != 2 {
		t.Errorf("%d log lines, want 2", n)
	}
}

// TestAnIdleConnectionEnds when its time is over, though that of a request is not.
func TestAnIdleConnectionEnds(t *testing.T) {
	t.Parallel()
	g := open(t, func(l *Limits) { l.IdleTimeout, l.ReadTimeout = 10*time.Millisecond, time.Hour })
	w := g.dial(t)
	w.send(request{method: "GET", target: "/healthz"}.text())
	w.answer("GET")
	w.closed()
}

// Shutdown ends idle connections and does not wait for their clients.
func TestShutdownWithIdleConnections(t *testing.T) {
	t.Parallel()
	g := open(t)
	w := g.dial(t)
	w.send(request{method: "GET", target: "/healthz"}.text())
	w.answer("GET")
	start := time.Now()
	if err := g.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > patience/2 {
		t.Errorf("took %v", d)
	}
	w.closed()
}

// A refused client that is still sending keeps its connection, and a stop waits for
// it: a reset would take the answer with it.
func TestShutdownWaitsForWhoIsRefused(t *testing.T) {
	t.Parallel()
	g := open(t)
	w := g.dial(t)
	w.send(fmt.Sprintf("POST /publish HTTP/1.1\r\nHost: gate\r\n%s\r\nContent-Length: %d\r\n\r\n%s", jsonType, g.Limits.Body+1, strings.Repeat(" ", prefetched)))
	if a := w.answer("POST"); a.status != 413 {
		t.Fatalf("got %d", a.status)
	}
	ended := make(chan error, 1)
	go func() { ended <- g.Shutdown(t.Context()) }() // ends with the connection, awaited below
	select {
	case err := <-ended: // after lingerTime it may
		if n := g.connections.Load(); n > 0 || err != nil {
			t.Errorf("the stop did not wait for %d connections: %v", n, err)
		}
		return
	case <-time.After(lingerTime / 10):
	}
	_ = w.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A stop that comes before the start, or at the same moment, is a stop all the
// same: fasthttp alone would serve for ever.
func TestShutdownBeforeServe(t *testing.T) {
	t.Parallel()
	for range 50 {
		open(t) // is shut down, and waited for, while it starts
	}
	g := open(t)
	g.get(t, "/healthz")
	for range 2 {
		if err := g.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Serve(l); err != nil {
		t.Errorf("serve after the stop: %v", err)
	}
}
