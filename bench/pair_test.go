package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/measure"
	"ingot/bench/internal/monitor"
	"ingot/bench/internal/progress"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/server"
	"ingot/internal/buildtest"
	"ingot/internal/pgtest"
)

// pairOf is a pair of servers that run already, and what it says meanwhile.
func pairOf(t *testing.T, pairs int, window time.Duration, handlers [2]http.HandlerFunc) (p *pair, rounds [2]*measure.Round, said *bytes.Buffer) {
	t.Helper()
	said = &bytes.Buffer{}
	p = &pair{
		env: &environment.Environment{Progress: progress.New(said)}, scenario: scenario.Scenario{Name: "s", Connections: 1},
		window: measure.Window{Measure: window}, binaries: [2]string{"old", "new"}, pairs: pairs,
	}
	for i, handler := range handlers {
		s := httptest.NewServer(handler)
		t.Cleanup(s.Close)
		env := *p.env
		env.Attached = &server.Server{Address: s.Listener.Addr().String()}
		var err error
		if rounds[i], err = measure.SetUp(t.Context(), &env, p.scenario, p.window); err != nil {
			t.Fatal(err)
		}
	}
	return p, rounds, said
}

// TestAPairWithoutAFigureIsLeftOut: a machine that stands still for a window does not cost the minutes of a whole call.
func TestAPairWithoutAFigureIsLeftOut(t *testing.T) {
	t.Parallel()
	const pairs, window = 20, 100 * time.Millisecond
	var first sync.Once
	p, rounds, said := pairOf(t, pairs, window, [2]http.HandlerFunc{stores, func(w http.ResponseWriter, r *http.Request) {
		first.Do(func() { time.Sleep(10 * window) })
		stores(w, r)
	}})
	measured, counts, err := p.load(t.Context(), rounds, 0, pairs)
	if err != nil {
		t.Fatal(err)
	}
	p.starts = []start{measured, measured}
	var out bytes.Buffer
	if err := p.table(output{&out, &out}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{said.String(): "is left out: new: nothing was answered in 100ms", out.String(): " pairs are left out"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for i, of := range measured {
		in := 0
		for _, m := range of {
			in += m.Counts.Stored
		}
		if len(of) != pairs-p.leftOut || p.leftOut < 1 || counts[i].Stored <= in {
			t.Errorf("%d of %d pairs, %d left out; %d events stored, %d of them in these", len(of), pairs, p.leftOut, counts[i].Stored, in)
		}
	}
}

// TestPairsWithoutFiguresEndTheCall: a build that answers nothing now and then is not as good as what is left of it.
func TestPairsWithoutFiguresEndTheCall(t *testing.T) {
	t.Parallel()
	refuses := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) }
	p, rounds, _ := pairOf(t, 20, 20*time.Millisecond, [2]http.HandlerFunc{refuses, stores})
	_, _, err := p.load(t.Context(), rounds, 0, 20)
	if err == nil || !strings.Contains(err.Error(), "3 of 20 pairs have no figure: old: no event was settled in 20ms") {
		t.Errorf("%v, want an end", err)
	}
}

// TestPair: twice the events in the same processor time are half of it an event.
func TestPair(t *testing.T) {
	t.Parallel()
	slow := result.Measurement{Events: 1000, Seconds: 2, CPU: monitor.CPU{Ingester: 40 * time.Millisecond, Postgres: 20 * time.Millisecond}}
	quick := slow
	quick.Events = 2000
	even := start{{slow, slow}, {quick, quick}}
	p := pair{scenario: scenario.Scenario{Name: "s"}, starts: []start{even, even}}
	var out bytes.Buffer
	if err := p.table(output{&out, &out}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"s, 4 PAIRS, 2 STARTS", "1000.00  2000.00", "20.00", "10.00", "2.000  0.000", "0.500  0.000"} {
		if !strings.Contains(strings.Join(strings.Fields(out.String()), "  "), strings.Join(strings.Fields(want), "  ")) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestThePairsOfAStartCountOnce: what a start has given to a process is in all of its pairs.
func TestThePairsOfAStartCountOnce(t *testing.T) {
	t.Parallel()
	slow, quick := result.Measurement{Events: 1000, Seconds: 1}, result.Measurement{Events: 2000, Seconds: 1}
	p := pair{starts: []start{
		{{slow, slow, slow}, {quick, quick, quick}},
		{{quick, quick, quick}, {slow, slow, slow}},
	}}
	var out bytes.Buffer
	if err := p.table(output{&out, &out}); err != nil || !strings.Contains(strings.Join(strings.Fields(out.String()), " "), "1500.00 1500.00 1.000 0.693") {
		t.Errorf("%v\n%s", err, out.String()) // 0.693 is ln 2; six pairs by themselves had 0.310
	}
}

// TestPairOfRealIngesters: both are started, loaded in turn, held to the truth and stopped.
func TestPairOfRealIngesters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := buildtest.Build(dir, nil, "ingot/ingest"); err != nil {
		t.Fatal(err)
	}
	ingester := filepath.Join(dir, "ingest")
	cluster := pgtest.Durable(t)
	var data string
	pair := func(measure time.Duration) (code int, out, said string) {
		data = t.TempDir()
		var stdout, stderr bytes.Buffer
		code = run(t.Context(), []string{
			"pair", "single-64", ingester, ingester, "--pairs=2", "--starts=2", "--warm=20ms", "--measure=" + measure.String(),
			"--data-dir", data, "--database-url", cluster.URL(),
		}, output{&stdout, &stderr})
		return code, stdout.String(), stderr.String()
	}
	measure := 300 * time.Millisecond
	code, out, said := pair(measure)
	for measure < 10*time.Second && strings.Contains(said, "use a longer --measure") { // a busy machine
		measure *= 3
		code, out, said = pair(measure)
	}
	// Of the ingester's processor time there may be no tick in a window, and no line then.
	logs, _ := filepath.Glob(filepath.Join(data, "logs", "ingest-*.log"))
	if code != 0 || len(logs) < 3 || !strings.Contains(out, "\nevents/s ") || strings.Contains(out, "Postgres") || strings.Contains(out, "NaN") {
		t.Errorf("exit code %d, logs of %d ingesters; want events/s, those of each start, and nothing of a Postgres that is not its own:\n%s%s", code, len(logs), out, said)
	}
	if code, out, said := pair(time.Nanosecond); code == 0 || !strings.Contains(said, "--measure") {
		t.Errorf("a window without an answer: exit code %d:\n%s%s", code, out, said)
	}
}

// TestOrdersAreDrawn: no build has a fixed place in the turns.
func TestOrdersAreDrawn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 10 {
		first, all := 0, orders(40)
		for _, o := range all {
			if o[0]+o[1] != 1 {
				t.Fatalf("%v runs one build twice", o)
			}
			first += o[0]
		}
		if first != 20 {
			t.Errorf("the second build goes first %d times of 40", first)
		}
		seen[fmt.Sprint(all)] = true
	}
	if len(seen) != 10 {
		t.Errorf("%d different orders in 10 draws", len(seen))
	}
}
