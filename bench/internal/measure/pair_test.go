package measure

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/progress"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/server"
)

// pairOf is a pair of servers that run already, and what it says meanwhile.
func pairOf(t *testing.T, pairs int, window time.Duration, handlers [2]http.HandlerFunc) (p *Pair, rounds [2]*round, said *bytes.Buffer) {
	t.Helper()
	said = &bytes.Buffer{}
	p = &Pair{
		Env: &environment.Environment{Progress: progress.New(said)}, Scenario: scenario.Scenario{Name: "s", Connections: 1},
		Window: Window{Measure: window}, Binaries: [2]string{"old", "new"}, Pairs: pairs,
	}
	for i, handler := range handlers {
		s := httptest.NewServer(handler)
		t.Cleanup(s.Close)
		env := *p.Env
		env.Attached = &server.Server{Address: s.Listener.Addr().String()}
		var err error
		if rounds[i], err = setUp(t.Context(), &env, p.Scenario, p.Window); err != nil {
			t.Fatal(err)
		}
	}
	return p, rounds, said
}

// TestAPairWithoutAFigureIsLeftOut: a machine that stands still for a window does not cost the minutes of a whole call.
func TestAPairWithoutAFigureIsLeftOut(t *testing.T) {
	t.Parallel()
	const pairs = 20
	for window := 100 * time.Millisecond; ; window *= 2 { // a busy machine stands still for other short ones, too
		var first sync.Once
		p, rounds, said := pairOf(t, pairs, window, [2]http.HandlerFunc{stores, func(w http.ResponseWriter, r *http.Request) {
			first.Do(func() { time.Sleep(10 * window) })
			stores(w, r)
		}})
		measured, counts, err := p.load(t.Context(), rounds, 0, pairs)
		switch {
		case err != nil && window < time.Second:
			continue
		case err != nil:
			t.Fatal(err)
		}
		if want := fmt.Sprintf("is left out: new: nothing was answered in %v", window); !strings.Contains(said.String(), want) {
			t.Errorf("no %q in\n%s", want, said)
		}
		for i, of := range measured {
			in := 0
			for _, m := range of {
				in += m.Counts.Stored
			}
			if len(of) != pairs-p.LeftOut || p.LeftOut < 1 || counts[i].Stored <= in {
				t.Errorf("%d of %d pairs, %d left out; %d events stored, %d of them in these", len(of), pairs, p.LeftOut, counts[i].Stored, in)
			}
		}
		return
	}
}

// TestPairsWithoutFiguresEndTheCall: a build that answers nothing now and then is not as good as what is left of it.
func TestPairsWithoutFiguresEndTheCall(t *testing.T) {
	t.Parallel()
	refuses := func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusServiceUnavailable) }
	for window := 20 * time.Millisecond; ; window *= 2 { // a busy machine does not even refuse in a short one
		p, rounds, _ := pairOf(t, 20, window, [2]http.HandlerFunc{refuses, stores})
		_, _, err := p.load(t.Context(), rounds, 0, 20)
		want := fmt.Sprintf("3 of 20 pairs have no figure: old: no event was settled in %v", window)
		if err != nil && strings.Contains(err.Error(), want) {
			return
		}
		if window > time.Second {
			t.Fatalf("%v, want an end: %s", err, want)
		}
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
