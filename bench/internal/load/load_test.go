package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ingot/bench/internal/mix"
)

// pretender answers like an ingester whose database is a map.
type pretender struct {
	mu   sync.Mutex
	keys map[string]bool
	bad  bool // refuse everything
	read chan struct{}

	posted atomic.Int64 // requests that came
}

// await is the WindowOpens of a load: the window opens once n requests came. How long a busy machine takes until then is nobody's fault.
func (p *pretender) await(n int64) func() {
	return func() {
		for end := time.Now().Add(time.Minute); p.posted.Load() < n && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
}

func (p *pretender) stored() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.keys)
}

// longest is how long a window may become that is made longer until a busy machine gets something done within it.
const longest = time.Minute

func (p *pretender) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(requestID, r.Header.Get(requestID))
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, `{"events":[{}],"next_cursor":"c"}`)
		select {
		case p.read <- struct{}{}:
		default:
		}
		return
	}
	p.posted.Add(1)
	if p.bad {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	body, _ := io.ReadAll(r.Body)
	single := !strings.HasPrefix(string(body), "[")
	if single {
		body = []byte("[" + string(body) + "]")
	}
	var events []struct {
		ID    string `json:"event_id"`
		Topic string `json:"topic"`
	}
	if err := json.Unmarshal(body, &events); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	stored := 0
	p.mu.Lock()
	for _, e := range events {
		if key := e.ID + " " + e.Topic; !p.keys[key] {
			p.keys[key] = true
			stored++
		}
	}
	p.mu.Unlock()
	switch {
	case !single:
		fmt.Fprintf(w, `{"received":%d,"stored":%d,"duplicates":%d,"invalid":0,"results":[]}`, len(events), stored, len(events)-stored)
	case stored == 1:
		_, _ = io.WriteString(w, `{"status":"stored"}`)
	default:
		_, _ = io.WriteString(w, `{"status":"duplicate"}`)
	}
}

// noted collects what was acknowledged.
type noted struct {
	mu   sync.Mutex
	seen map[int]bool
}

func (n *noted) ack(picks []int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, i := range picks {
		n.seen[i] = true
	}
}

func start(t *testing.T, p *pretender) (address string) {
	t.Helper()
	return serve(t, p.ServeHTTP)
}

func serve(t *testing.T, answer http.HandlerFunc) (address string) {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// source deals no duplicates.
func source() *mix.Source { return mix.NewSource(0, 0, 0) }

func encoder(t *testing.T) *mix.Encoder {
	t.Helper()
	e, err := mix.NewEncoder(mix.Mix{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestClosedLoop and TestOpenLoop hold the tally against what the server has: how
// many there are depends on the time, that they agree does not.
func TestClosedLoop(t *testing.T) {
	t.Parallel()
	for _, array := range []int{0, 7} {
		p, n := &pretender{keys: map[string]bool{}}, &noted{seen: map[int]bool{}}
		run := Load{
			Addresses: []string{start(t, p)}, Array: array, Measure: 100 * time.Millisecond,
			Encoder: encoder(t), Source: mix.NewSource(0.3, 0, 0), Ack: n.ack, WindowOpens: p.await(1),
		}
		tally, err := run.ClosedLoop(t.Context(), 3)
		if err != nil {
			t.Fatal(err)
		}
		checkTally(t, tally, p, n)
		if c := tally.Total; c.Events() != c.Requests*max(1, array) {
			t.Errorf("requests of %d events: %+v", array, c)
		}
	}
}

// TestAServerThatCloses behind an answer: the answer counts, and the connection is told as broken.
func TestAServerThatCloses(t *testing.T) {
	t.Parallel()
	p, n := &pretender{keys: map[string]bool{}}, &noted{seen: map[int]bool{}}
	server := httptest.NewUnstartedServer(p)
	server.Config.SetKeepAlivesEnabled(false)
	server.Start()
	defer server.Close()
	run := Load{
		Addresses: []string{strings.TrimPrefix(server.URL, "http://")}, Measure: 50 * time.Millisecond,
		Encoder: encoder(t), Source: source(), Ack: n.ack, WindowOpens: p.await(2),
	}
	tally, err := run.ClosedLoop(t.Context(), 2)
	if !errors.Is(err, errServerCloses) || tally.Total.Requests != 2 {
		t.Errorf("%+v, %v", tally.Total, err)
	}
	checkTally(t, tally, p, n)
}

// TestNobodyListens: fewer connections than were asked for are an error, not a smaller run.
func TestNobodyListens(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	run := Load{
		Addresses: []string{start(t, &pretender{keys: map[string]bool{}}), strings.TrimPrefix(gone.URL, "http://")}, Measure: time.Millisecond,
		Encoder: encoder(t), Source: source(),
	}
	if tally, err := run.ClosedLoop(t.Context(), 2); tally != nil || err == nil || !strings.HasPrefix(err.Error(), "connection 2: dial: ") {
		t.Errorf("%+v, %v", tally, err)
	}
}

func TestOpenLoop(t *testing.T) {
	t.Parallel()
	for _, array := range []int{0, 7} {
		var (
			run   Load
			p     *pretender
			n     *noted
			tally = newTally()
		)
		for window := 200 * time.Millisecond; tally.Measured.Requests == 0 && window < longest; window *= 2 {
			p, n = &pretender{keys: map[string]bool{}}, &noted{seen: map[int]bool{}}
			run = Load{
				Addresses: []string{start(t, p)}, Array: array, Measure: window,
				Encoder: encoder(t), Source: mix.NewSource(0.3, 0, 0), Ack: n.ack,
			}
			var err error
			if tally, err = run.OpenLoop(t.Context(), 200); err != nil {
				t.Fatal(err)
			}
		}
		if tally.Elapsed != run.Measure || tally.Measured.Requests == 0 || tally.Total.Events() != tally.Total.Requests*max(1, array) {
			t.Errorf("%+v in %v", tally.Measured, tally.Elapsed)
		}
		checkTally(t, tally, p, n)
	}
}

// TestOpenLoopClosesItsConnections: those it left open would count against the ingester's limit in the next run.
func TestOpenLoopClosesItsConnections(t *testing.T) {
	t.Parallel()
	var open sync.WaitGroup
	server := httptest.NewUnstartedServer(&pretender{keys: map[string]bool{}})
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Done()
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	for window, stored := 200*time.Millisecond, 0; stored == 0; window *= 2 {
		run := Load{
			Addresses: []string{strings.TrimPrefix(server.URL, "http://")}, Measure: window,
			Encoder: encoder(t), Source: mix.NewSource(0, 0, 0),
		}
		tally, err := run.OpenLoop(t.Context(), 200)
		if stored = tally.Total.Stored; err != nil || stored == 0 && window > longest {
			t.Fatal(tally, err)
		}
	}
	closed := make(chan struct{})
	go func() { defer close(closed); open.Wait() }() // ends with the server
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Error("connections are open still")
	}
}

func checkTally(t *testing.T, tally *Tally, p *pretender, n *noted) {
	t.Helper()
	if tally.Total.Stored == 0 || tally.Total.Stored != len(p.keys) || len(n.seen) != len(p.keys) {
		t.Errorf("%d stored, %d acknowledged, the server has %d", tally.Total.Stored, len(n.seen), len(p.keys))
	}
	if tally.Total.Failed+tally.Total.Refused > 0 || len(tally.Failures) > 0 {
		t.Errorf("%+v, %v", tally.Total, tally.Failures)
	}
}

func TestRefusedIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	n := &noted{seen: map[int]bool{}}
	p := &pretender{bad: true}
	run := Load{
		Addresses: []string{start(t, p)}, Array: 2, Measure: 50 * time.Millisecond,
		Encoder: encoder(t), Source: mix.NewSource(0, 0, 0), Ack: n.ack, WindowOpens: p.await(1),
	}
	tally, err := run.ClosedLoop(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(n.seen) > 0 || tally.Total.Refused == 0 || tally.Total.Events() > 0 || tally.Latency.TotalCount() > 0 {
		t.Errorf("%d acknowledged, %+v", len(n.seen), tally.Total)
	}
}

func TestLoadStopsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	run := Load{
		Addresses: []string{start(t, &pretender{keys: map[string]bool{}})}, Measure: time.Hour,
		Encoder: encoder(t), Source: mix.NewSource(0, 0, 0), WindowOpens: cancel,
	}
	if _, err := run.ClosedLoop(ctx, 2); err != context.Canceled {
		t.Errorf("a run that was cut short: %v, want nothing of connections that it hung up itself", err)
	}
}

// TestOpenLoopHasOneWindow: what WindowOpens has read WindowCloses may use, and neither is waited for when the run is over before.
func TestOpenLoopHasOneWindow(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{false, true} {
		p, opened, closed := &pretender{keys: map[string]bool{}}, 0, 0
		run := Load{
			Addresses: []string{start(t, p)}, Measure: 100 * time.Millisecond, Encoder: encoder(t), Source: mix.NewSource(0, 0, 0),
			WindowOpens: func() { opened++ }, WindowCloses: func() { closed += opened },
		}
		ctx, stop := context.WithCancel(t.Context())
		want := 1
		if cut {
			run.Measure, want = time.Hour, 0
			time.AfterFunc(50*time.Millisecond, stop)
		}
		_, err := run.OpenLoop(ctx, 100)
		stop()
		if (err != nil) != cut || closed != want {
			t.Errorf("opened %d times, closed %d, want %d: %v", opened, closed, want, err)
		}
	}
}

// TestAServerThatDies is one error, not one for each connection.
func TestAServerThatDies(t *testing.T) {
	t.Parallel()
	p := &pretender{}
	run := Load{
		Addresses: []string{serve(t, func(http.ResponseWriter, *http.Request) { p.posted.Add(1); panic(http.ErrAbortHandler) })},
		Measure:   50 * time.Millisecond, Encoder: encoder(t), Source: mix.NewSource(0, 0, 0), WindowOpens: p.await(3),
	}
	tally, err := run.ClosedLoop(t.Context(), 3)
	if err == nil || tally.Total.Failed != 3 || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "3 of 3 connections broke: ") {
		t.Errorf("%v", err)
	}
}

func TestReaders(t *testing.T) {
	t.Parallel()
	p := &pretender{read: make(chan struct{}, 8)}
	r := Readers{Address: start(t, p), Count: 2}
	r.Start(t.Context())
	for range cap(p.read) { // each reader but waits for its last page
		<-p.read
	}
	if pages, err := r.Stop(); pages < cap(p.read)-r.Count || err != nil {
		t.Errorf("%d pages, %v", pages, err)
	}
}
