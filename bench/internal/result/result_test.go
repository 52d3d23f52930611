package result

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ingot/bench/internal/load"
	"ingot/bench/internal/truth"
)

// measured is a result of one scenario, whose rounds reach these shares of a limit
// on a machine that was so fast.
func measured(speed float64, shares ...float64) *Result {
	s := Scenario{Name: "array-1000", Ratios: []Ratio{{Figure: Events, Limit: "copy", Goal: 0.8}}}
	for _, share := range shares {
		s.Rounds = append(s.Rounds, Round{
			Run:    Run{Events: share * speed, Seconds: 1, Counts: load.Counts{Stored: 7}, Truth: truth.Verdict{Rows: 7, Stored: 7}},
			Limits: map[string][2]float64{"copy": {0.9 * speed, 1.1 * speed}},
		})
	}
	return &Result{Version: Version, Commit: "abc", Scenarios: []Scenario{s}}
}

func TestCompareTakesRatios(t *testing.T) {
	t.Parallel()
	before := measured(100_000, 0.60, 0.61, 0.62, 0.63, 0.64)
	for name, c := range map[string]struct {
		after   *Result
		verdict string
		worse   int
	}{
		"the same on a machine half as fast": {measured(50_000, 0.61, 0.64, 0.62, 0.60, 0.63), "within noise", 0},
		"a fifth worse on one twice as fast": {measured(200_000, 0.48, 0.49, 0.50, 0.49, 0.47), "WORSE", 1},
		"a fifth better":                     {measured(100_000, 0.74, 0.73, 0.75, 0.72, 0.76), "better", 0},
		"three rounds":                       {measured(100_000, 0.1, 0.2, 0.3), "too few rounds to tell", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changes := Compare(before, c.after)
			if len(changes) != 1 || changes[0].Verdict() != c.verdict {
				t.Errorf("%+v, want %q", changes, c.verdict)
			}
			var out bytes.Buffer
			if worse := PrintChanges(&out, changes); worse != c.worse || !strings.Contains(out.String(), c.verdict) {
				t.Errorf("%d worse:\n%s", worse, out.String())
			}
		})
	}
}

// TestCompareWithoutLimits: as of two runs with --url, which have no database to measure a limit on. There is no ratio then.
func TestCompareWithoutLimits(t *testing.T) {
	t.Parallel()
	without := measured(100, 0.5, 0.5, 0.5, 0.5, 0.5)
	for i := range without.Scenarios[0].Rounds {
		without.Scenarios[0].Rounds[i].Limits = nil
	}
	for name, old := range map[string]*Result{"neither has": without, "the old one has": measured(100, 0.5, 0.5, 0.5, 0.5, 0.5)} {
		changes := Compare(old, without)
		if len(changes) != 1 || changes[0].Figure != string(Events) || changes[0].Old != 50 || changes[0].New != 50 {
			t.Errorf("%s: %+v", name, changes)
		}
	}
}

func TestALongerLatencyIsWorse(t *testing.T) {
	t.Parallel()
	if c := change("open-5000", "p99", true, []float64{1, 2, 3, 4, 5}, []float64{10, 20, 30, 40, 50}); c.Verdict() != "WORSE" {
		t.Errorf("%+v is %s", c, c.Verdict())
	}
}

func TestRatioOfARound(t *testing.T) {
	t.Parallel()
	round := Round{
		Run:    Run{Events: 60, Latency: Latency{P50: 2000, P99: 50_000}},
		Limits: map[string][2]float64{"copy": {80, 120}, "commit": {900, 1100}},
	}
	for _, c := range []struct {
		ratio   Ratio
		want    float64
		reached bool
	}{
		{Ratio{Events, "copy", 0.8}, 0.6, false},
		{Ratio{Events, "copy", 0.6}, 0.6, true},
		{Ratio{P50, "commit", 5}, 2, true},
		{Ratio{P99, "commit", 25}, 50, false},
	} {
		got, ok := c.ratio.Of(round)
		if !ok || got != c.want || c.ratio.Reached([]Round{round}) != c.reached {
			t.Errorf("%+v is %v, %v", c.ratio, got, ok)
		}
	}
	if _, ok := (Ratio{Figure: Events, Limit: "nothing"}).Of(round); ok {
		t.Error("a limit that was not measured has a ratio")
	}
}

func TestABrokenTruthIsShown(t *testing.T) {
	t.Parallel()
	r := measured(100, 0.5, 0.5)
	r.Scenarios[0].Rounds[1].Run.Truth.Missing = 3
	var out bytes.Buffer
	r.Table(&out)
	if !strings.Contains(out.String(), "BROKEN") || !strings.Contains(out.String(), "3 of 0 acknowledged events are not in the table") {
		t.Errorf("%s", out.String())
	}
	if strings.Contains(out.String(), "reached") || strings.Contains(out.String(), " 50") {
		t.Errorf("it has figures:\n%s", out.String())
	}
	if changes := Compare(measured(100, 0.5, 0.5), r); len(changes) != 0 {
		t.Errorf("it is compared: %+v", changes)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new folder", "result.json")
	want := measured(100, 0.5)
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v, %s", err, cmp.Diff(want, got))
	}
	want.Version++
	if err := want.Write(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil {
		t.Error("a document of another version is read")
	}
}
