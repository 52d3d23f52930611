package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"ingot/ingest/internal/storetest"
	"ingot/internal/certtest"
	"ingot/internal/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Two goroutines of fasthttp outlive a server: its clock, for ever, and its pool's
// cleaner, for up to ten seconds.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// patience is how long a test waits for what must come; it passes only in a test
// that fails. A gigabyte is inflated within it, by a machine that is busy otherwise.
const patience = 2 * time.Minute

// fakePublisher is the pipeline without its queue: a group goes to the fake store
// at once. hold, if set, is called first; forget stores nothing and says duplicate.
type fakePublisher struct {
	*storetest.Fake
	mu     sync.Mutex
	hold   func(event.Group)
	forget atomic.Bool
	bytes  atomic.Int64 // of the group that came last
}

func (p *fakePublisher) Submit(group event.Group, bytes int64) ([]bool, error) {
	p.bytes.Store(bytes)
	p.mu.Lock()
	hold := p.hold
	p.mu.Unlock()
	if hold != nil {
		hold(group)
	}
	if len(group.Events) == 0 || p.forget.Load() {
		return make([]bool, len(group.Events)), nil
	}
	return p.Merge(context.Background(), event.Batch{Groups: []event.Group{group}}, func() {})
}

// fakeReader answers what it is told to.
type fakeReader struct {
	mu      sync.Mutex
	asked   []event.Query
	keys    []storetest.Key // asked for one by one
	started []string        // places that streams begin with
	page    event.Page
	pages   []event.Page // before page
	later   error        // once there are no pages left
	grows   bool         // a batch is committed behind each page that is read
	totals  event.Totals
	most    []int         // topics that were asked for
	held    chan struct{} // Totals of all topics waits for it
	err     error
}

func (r *fakeReader) Events(_ context.Context, q event.Query) (event.Page, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, q)
	if len(r.pages) > 0 {
		page := r.pages[0]
		r.pages = r.pages[1:]
		return page, r.err
	}
	if r.later != nil {
		return event.Page{}, r.later
	}
	return r.page, r.err
}

func (r *fakeReader) Event(_ context.Context, topic, id string) (event.Stored, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = append(r.keys, storetest.Key{ID: id, Topic: topic})
	for _, e := range r.page.Events {
		if e.Event.ID == id && e.Topic == topic {
			return e, true, r.err
		}
	}
	return event.Stored{}, false, r.err
}

func (r *fakeReader) Start(_ context.Context, after string) (event.Position, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started = append(r.started, after)
	at := event.Position{Commit: 5, ID: 50, Identity: 500}
	if r.grows {
		at.Commit += int64(len(r.asked))
	}
	return at, r.err
}

func (r *fakeReader) Totals(_ context.Context, most int, _ int64) (event.Totals, error) {
	if r.held != nil && most < 0 {
		<-r.held
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.most = append(r.most, most)
	return r.totals, r.err
}

func (r *fakeReader) Ping(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// fakeFeed hands out what is sent to it. Subscribe fails with err if that is set.
type fakeFeed struct {
	mu     sync.Mutex
	err    error
	asked  []event.Query
	from   event.Position
	open   int
	events chan any // []*event.Stored, event.Position, error, or a string to panic with
}

func newFakeFeed() *fakeFeed { return &fakeFeed{events: make(chan any)} }

func (f *fakeFeed) Subscribe(q event.Query, from event.Position) (Subscriber, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	f.asked, f.from = append(f.asked, q), from
	f.open++
	return &fakeSubscription{feed: f, at: from}, nil
}

func (f *fakeFeed) subscribers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

type fakeSubscription struct {
	feed   *fakeFeed
	at     event.Position
	closed sync.Once
}

func (s *fakeSubscription) Next(ctx context.Context, wait time.Duration) ([]*event.Stored, event.Position, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case next := <-s.feed.events:
		switch next := next.(type) {
		case []*event.Stored:
			s.at = next[len(next)-1].Position
			return next, s.at, nil
		case event.Position:
			s.at = next
		case error:
			return nil, s.at, next
		case string:
			panic(next)
		}
	}
	return nil, s.at, nil
}

func (s *fakeSubscription) Close() {
	s.closed.Do(func() {
		s.feed.mu.Lock()
		defer s.feed.mu.Unlock()
		s.feed.open--
	})
}

// gate is a running server with fakes behind it.
type gate struct {
	*Server
	address       string
	publisher     *fakePublisher
	reader        *fakeReader
	feed          *fakeFeed
	subscriptions *fakeSubscriptions
	logs          *observer.ObservedLogs
	trusts        *tls.Config // of clients; nil: plain HTTP
}

func testLimits() Limits {
	return Limits{
		Body: 1 << 20, Decompressed: 2 << 20, BodiesInFlight: 8 << 20, Page: 1 << 20, Exports: 10, Streams: 10, Subscriptions: 10, Reads: 64 << 20, Header: 16 << 10, Connections: 1000,
		ReadTimeout: patience, WriteTimeout: patience, IdleTimeout: patience, QueryTimeout: patience, Heartbeat: patience, Stall: patience,
		Events: event.DefaultLimits(),
	}
}

// open starts a server and stops it when the test is over; by then no byte of the
// budget may be missing. In the process of TestOverTLS it is openTLS.
func open(t testing.TB, change ...func(*Limits)) *gate {
	t.Helper()
	if os.Getenv(overTLS) != "" {
		return openTLS(t, append(change, func(l *Limits) { l.ReadTimeout = max(l.ReadTimeout, handshakes) })...)
	}
	return openOn(t, listen(t), nil, change...)
}

// openTLS is open with a certificate that the clients of dial trust.
func openTLS(t testing.TB, change ...func(*Limits)) *gate {
	t.Helper()
	return openOn(t, listen(t), certtest.NewAuthority(t), change...)
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

func openOn(t testing.TB, listener net.Listener, authority *certtest.Authority, change ...func(*Limits)) *gate {
	t.Helper()
	return openFor(t, nil, listener, authority, change...)
}

// openFor starts a server that wants keys.
func openFor(t testing.TB, keys Keys, listener net.Listener, authority *certtest.Authority, change ...func(*Limits)) *gate {
	t.Helper()
	limits := testLimits()
	for _, c := range change {
		c(&limits)
	}
	core, logs := observer.New(zapcore.InfoLevel)
	g := &gate{
		address: listener.Addr().String(), logs: logs,
		publisher: &fakePublisher{Fake: storetest.NewFake()}, reader: &fakeReader{}, feed: newFakeFeed(), subscriptions: &fakeSubscriptions{kept: map[string]event.Subscription{}},
	}
	var config *tls.Config
	if authority != nil {
		config, g.trusts = &tls.Config{Certificates: []tls.Certificate{authority.Issue(t, time.Now().Add(time.Hour)).Certificate(t)}}, authority.Client()
	}
	g.Server = New(Config{
		Metrics: prometheus.NewRegistry(), TLS: config, Hosts: []string{"gate.example"},
		Limits: limits, Keys: keys, Publisher: g.publisher, Reader: g.reader, Feed: g.feed, Subscriptions: g.subscriptions, Log: zap.New(core), Instance: "test",
		Figures: func() Figures {
			return Figures{QueueStats{QueuedEvents: 1, QueuedBytes: 2, Batches: 3, LastBatch: 4}, FilterStats{Hits: 5}, FeedStats{Streams: 6, CatchingUp: 7, MaxStreams: 8}}
		},
	})
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }() // stopped by Shutdown, awaited in the cleanup
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(g.Shutdown(ctx), <-served); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if used := g.budget.used.Load(); used != 0 {
			t.Errorf("%d bytes of the budget were not given back", used)
		}
		if n := g.reads.used.Load(); n != 0 {
			t.Errorf("%d bytes of pages are still counted", n)
		}
		if n := g.exports.Load(); n != 0 {
			t.Errorf("%d exports are still counted", n)
		}
		if n := g.feed.subscribers(); n != 0 {
			t.Errorf("%d subscriptions were not closed", n)
		}
	})
	return g
}

// answer is one response as it came over the wire.
type answer struct {
	status int
	header http.Header
	body   string
	last   bool // Connection: close
}

// dial opens a connection that is closed with the test.
func (g *gate) dial(t testing.TB) *wire {
	t.Helper()
	c, err := net.Dial("tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	if g.trusts != nil {
		c = tls.Client(c, g.trusts)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &wire{t: t, Conn: c, r: bufio.NewReader(c)}
}

// dialPlain is dial without TLS, whatever is spoken there.
func (g *gate) dialPlain(t testing.TB) *wire {
	t.Helper()
	return (&gate{address: g.address}).dial(t)
}

// socket is the connection below TLS, or without it.
func (w *wire) socket() *net.TCPConn {
	if c, ok := w.Conn.(*tls.Conn); ok {
		return c.NetConn().(*net.TCPConn)
	}
	return w.Conn.(*net.TCPConn)
}

// wire is a client that says exactly what it is told to.
type wire struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (w *wire) send(text string) {
	w.t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		w.t.Fatalf("send: %v", err)
	}
}

// answer reads one response to a request with that method.
func (w *wire) answer(method string) answer {
	w.t.Helper()
	a, err := w.next(method)
	if err != nil {
		w.t.Fatalf("no answer: %v", err)
	}
	return a
}

func (w *wire) next(method string) (answer, error) {
	response, err := http.ReadResponse(w.r, &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(response.Body)
	a := answer{response.StatusCode, response.Header, string(body), response.Close}
	if err == nil && a.status != http.StatusContinue {
		a.check(w.t, method)
	}
	return a, err
}

// closed wants the server to have ended the connection, with nothing more to say.
func (w *wire) closed() {
	w.t.Helper()
	if rest, err := io.ReadAll(w.r); err != nil || len(rest) > 0 {
		w.t.Errorf("want the end of the connection, got %q and %v", rest, err)
	}
}

// check holds what is true of every answer.
func (a answer) check(t testing.TB, method string) {
	t.Helper()
	if a.header.Get("X-Request-Id") == "" {
		t.Errorf("%d without X-Request-Id", a.status)
	}
	if a.status < 400 || method == "HEAD" {
		return
	}
	var p struct {
		Type, Title, Detail string
		Status              int
		Errors              []struct {
			Index               *int
			Field, Code, Detail *string
		}
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("%d: the body %q is not JSON: %v", a.status, a.body, err)
	}
	if !strings.HasPrefix(p.Type, "urn:ingot:problem:") || p.Title == "" || p.Detail == "" || p.Status != a.status ||
		a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d: not a problem document: %v %s", a.status, a.header, a.body)
	}
	for _, e := range p.Errors {
		if e.Index == nil || e.Field == nil || e.Code == nil || e.Detail == nil {
			t.Errorf("an error without index, field, code or detail in %s", a.body)
		}
	}
	if (p.Type == "urn:ingot:problem:unsupported-encoding") != (a.header.Get("Accept-Encoding") != "") {
		t.Errorf("%s with Accept-Encoding %q", p.Type, a.header.Get("Accept-Encoding"))
	}
	if (a.status == 503 || a.status == 429) != (a.header.Get("Retry-After") != "") {
		t.Errorf("%d with Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	for _, leak := range []string{"SELECT", "INSERT", "SQLSTATE", secret, "goroutine", ".go:"} {
		if strings.Contains(a.body, leak) {
			t.Errorf("%d tells of %q: %s", a.status, leak, a.body)
		}
	}
}

// kind is the problem's type without its prefix.
func (a answer) kind() string {
	var p struct{ Type string }
	_ = json.Unmarshal([]byte(a.body), &p)
	return strings.TrimPrefix(p.Type, "urn:ingot:problem:")
}

// secret stands in payloads and in errors of the fakes; no answer and no log line
// may hold it.
const secret = "s3cr3t-of-the-client"

// request is one request; do sends it on a connection of its own.
type request struct {
	method, target string
	header         []string // "Name: value"
	body           string
}

func (r request) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: gate\r\nX-Request-Id: golden\r\n", r.method, r.target)
	for _, h := range r.header {
		b.WriteString(h + "\r\n")
	}
	if r.body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	return b.String() + "\r\n" + r.body
}

func (g *gate) do(t testing.TB, r request) answer {
	t.Helper()
	w := g.dial(t)
	w.send(r.text())
	a := w.answer(r.method)
	if id := a.header.Get("X-Request-Id"); id != "golden" {
		t.Errorf("X-Request-Id %q is not the client's", id)
	}
	a.documented(t, r.method, r.target)
	a.record(t, r.method, r.target)
	return a
}

func (g *gate) get(t testing.TB, target string) answer {
	t.Helper()
	return g.do(t, request{method: "GET", target: target})
}

const jsonType = "Content-Type: application/json"

func (g *gate) post(t testing.TB, target, body string) answer {
	t.Helper()
	return g.do(t, request{"POST", target, []string{jsonType}, body})
}

// valid is an event of that id, as a client writes it.
func valid(id string) string {
	return fmt.Sprintf(`{"event_id":%q,"topic":"t","source":"s","timestamp":"2025-12-19T10:00:00Z","payload":{"x":%q}}`, id, secret)
}

// list is an array of n valid events.
func list(n int) string {
	events := make([]string, n)
	for i := range events {
		events[i] = valid(fmt.Sprintf("e%d", i))
	}
	return "[" + strings.Join(events, ",") + "]"
}

// transcript writes an answer for a golden file.
func (a answer) transcript() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", a.status)
	for _, name := range []string{"Content-Type", "Allow", "Retry-After", "Accept-Encoding"} {
		if value := a.header.Get(name); value != "" {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	if a.last {
		b.WriteString("Connection: close\n")
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, []byte(a.body), "", "  ") == nil {
		fmt.Fprintf(&b, "%s\n", pretty.Bytes())
	} else {
		fmt.Fprintf(&b, "(%d bytes)\n", len(a.body))
	}
	return b.String()
}

// golden compares with testdata/<name>.golden; -update writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", path, diff)
	}
}
