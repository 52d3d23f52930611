package torture

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCountGoroutines: idle workers of fasthttp and the request for the profile itself
// do not count.
func TestCountGoroutines(t *testing.T) {
	t.Parallel()
	const profile = `goroutine profile: total 12
3 @ 0x1 0x2
#	0x1	ingot/ingest/internal/pipeline.(*Pipeline).reap

4 @ 0x3
#	0x3	github.com/valyala/fasthttp.(*workerPool).workerFunc+0x1

2 @ 0x4
#	0x4	github.com/valyala/fasthttp.(*Server).serveConn+0x1
#	0x5	github.com/valyala/fasthttp.(*workerPool).workerFunc+0x1

1 @ 0x6
#	0x6	net/http.(*conn).serve+0x1
`
	if n := countGoroutines(profile); n != 3+2 {
		t.Errorf("%d, want 5", n)
	}
	base := figures{goroutines: 10, descriptors: 10, heap: 1 << 20}
	for _, f := range []figures{{13, 10, 1 << 20}, {10, 15, 1 << 20}, {10, 10, 18 << 20}} {
		if f.within(base) {
			t.Errorf("%+v passes for %+v", f, base)
		}
	}
	if !base.within(base) {
		t.Error("the base is not within itself")
	}
}

// TestExplained: what the storm's faults explain, and nothing else.
func TestExplained(t *testing.T) {
	t.Parallel()
	for _, state := range statesInjected {
		if !explained.MatchString(state) {
			t.Errorf("%s is injected and not explained", state)
		}
	}
	for _, state := range []string{"23505", "42P01", "22P02", "25001", "54001", "0A000"} {
		if explained.MatchString(state) {
			t.Errorf("%s is explained by nothing", state)
		}
	}
}

// TestReportMissing: whatever a whole storm did not reach is told.
func TestReportMissing(t *testing.T) {
	t.Parallel()
	full := func() *report {
		r := newReport()
		r.requests, r.singles, r.events = wholeRequests, wholeRequests/2, wholeEvents
		for _, name := range wanted {
			r.answers[name] = 1
		}
		r.fired["x"], r.ways[wayCommitted], r.ways[wayNever] = wholeFaults, 1, 1
		return r
	}
	if m := full().missing(); m != nil {
		t.Errorf("nothing is missing, and %q is", m)
	}
	for want, drop := range map[string]func(r *report){
		"event attempts":             func(r *report) { r.events-- },
		"requests":                   func(r *report) { r.requests-- },
		"single events":              func(r *report) { r.singles-- },
		"faults":                     func(r *report) { r.fired["x"]-- },
		"fault y":                    func(r *report) { r.struck(fault{kind: "y"}, false) },
		"answer 503 draining":        func(r *report) { delete(r.answers, "503 draining") },
		"doubt: " + wayCommitted:     func(r *report) { delete(r.ways, wayCommitted) },
		"doubt: " + wayNever:         func(r *report) { delete(r.ways, wayNever) },
		"answer 504 outcome-unknown": func(r *report) { delete(r.answers, wayUnknown) },
	} {
		r := full()
		drop(r)
		if m := r.missing(); len(m) != 1 || !strings.HasPrefix(m[0], want+": ") {
			t.Errorf("without %s: %q", want, m)
		}
	}
}

// TestGate: clients have as many requests as the gate lets them, each one once, and
// it is known when all of them wait.
func TestGate(t *testing.T) {
	t.Parallel()
	g := newGate(100, 4)
	var mu sync.Mutex
	var had []int
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() { // ends with the plan
			for n, ok := g.take(); ok; n, ok = g.take() {
				mu.Lock()
				had = append(had, n)
				mu.Unlock()
				g.done()
			}
		})
	}
	for _, open := range []int{0, 30, 20, 100} {
		g.allow(open)
		for began := time.Now(); !g.progress().stalled && open < 100; time.Sleep(time.Millisecond) {
			if time.Since(began) > hang {
				t.Fatal("they never wait")
			}
		}
		if p := g.progress(); open < 100 && (p.settled != p.open || p.open < open) {
			t.Errorf("open to %d: %+v", open, p)
		}
	}
	clients.Wait()
	slices.Sort(had)
	for n := range had {
		if had[n] != n {
			t.Fatalf("request %d was had as %dth", had[n], n)
		}
	}
	if len(had) != 100 || g.progress().settled != 100 {
		t.Errorf("%d requests, %+v", len(had), g.progress())
	}
}
