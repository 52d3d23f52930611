package workload

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestPlanSendsEveryEventAndTheExactShareOfRepeats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unique int
		share  float64
		sends  int
	}{
		{20_000, 0.30, 28_571},
		{1, 0, 1},
		{1, 0.5, 2},
		{1, 0.99, 100},
		{2, 0.2, 3},
		{7, 0.9, 70},
		{1000, 0, 1000},
	} {
		t.Run(fmt.Sprintf("unique=%d/share=%v", c.unique, c.share), func(t *testing.T) {
			t.Parallel()
			p, err := NewPlan(3, c.unique, c.share)
			if err != nil {
				t.Fatal(err)
			}
			if p.Sends() != c.sends || p.unique != c.unique {
				t.Fatalf("plans %d sends of %d, want %d of %d", p.Sends(), p.unique, c.sends, c.unique)
			}
			checkOrder(t, p)
		})
	}
}

// checkOrder holds that a first send is always the next event, so that every
// other send is a repeat of an earlier one.
func checkOrder(t *testing.T, p Plan) {
	t.Helper()
	fresh, sends := 0, 0
	for i := range p.All() {
		sends++
		switch {
		case i == fresh:
			fresh++
		case i < 0 || i > fresh:
			t.Fatalf("send %d is event %d, but only %d events came before", sends, i, fresh)
		}
	}
	if fresh != p.unique || sends != p.Sends() {
		t.Fatalf("%d sends of %d events, want %d of %d", sends, fresh, p.Sends(), p.unique)
	}
}

func TestPlanIsAFunctionOfTheSeed(t *testing.T) {
	t.Parallel()
	a, _ := NewPlan(1, 500, 0.3)
	b, _ := NewPlan(2, 500, 0.3)
	first := slices.Collect(a.All())
	if !slices.Equal(first, slices.Collect(a.All())) {
		t.Error("the same plan gave two sequences")
	}
	if slices.Equal(first, slices.Collect(b.All())) {
		t.Error("two seeds gave the same sequence")
	}
}

func TestRepeatsComeSoonAndLate(t *testing.T) {
	t.Parallel()
	p, _ := NewPlan(1, 20_000, 0.3)
	fresh, soon, late, firstHalf := 0, 0, 0, 0
	send := 0
	for i := range p.All() {
		send++
		if i == fresh {
			fresh++
			continue
		}
		if fresh-i <= near {
			soon++
		}
		if fresh-i > 5000 {
			late++
		}
		if send <= p.Sends()/2 {
			firstHalf++
		}
	}
	total := p.Sends() - p.unique
	if soon < total/3 || late < total/10 {
		t.Errorf("of %d repeats %d come soon and %d late", total, soon, late)
	}
	if got := float64(firstHalf) / float64(total); math.Abs(got-0.5) > 0.03 {
		t.Errorf("%.2f of the repeats come in the first half, want about 0.5", got)
	}
}

func TestPlanRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unique int
		share  float64
	}{{0, 0}, {-1, 0.3}, {10, 1}, {10, -0.1}, {10, 1.5}, {10, math.NaN()}, {10, math.Inf(1)}, {1 << 30, 0.9}} {
		if _, err := NewPlan(1, c.unique, c.share); err == nil {
			t.Errorf("a plan of %d events with a share of %v was taken", c.unique, c.share)
		}
	}
}

func TestPlanStopsWhenItsReaderDoes(t *testing.T) {
	t.Parallel()
	p, _ := NewPlan(1, 100, 0.5)
	n := 0
	for range p.All() {
		if n++; n == 10 {
			break
		}
	}
	if n != 10 {
		t.Errorf("%d sends, want 10", n)
	}
}
