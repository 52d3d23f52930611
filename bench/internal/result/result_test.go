package result

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/bench/internal/load"
	"ingot/bench/internal/monitor"
	"ingot/bench/internal/truth"
)

// measured is a result of one scenario, whose rounds reach these shares of a limit
// on a machine that was so fast.
func measured(speed float64, shares ...float64) *Result {
	s := Scenario{Name: "array-1000", Ratios: []Ratio{{Figure: Events, Limit: "copy", Goal: 0.8}}}
	for _, share := range shares {
		s.Rounds = append(s.Rounds, Round{
			Measurement: Measurement{Events: share * speed, Seconds: 1, Counts: load.Counts{Stored: 7}, Truth: truth.Verdict{Rows: 7, Stored: 7, Settled: 7}},
			Limits:      map[string][2]float64{"copy": {0.9 * speed, 1.1 * speed}},
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
		Measurement: Measurement{Events: 60, Latency: Latency{P50: 2000, P99: 50_000}},
		Limits:      map[string][2]float64{"copy": {80, 120}, "commit": {900, 1100}},
	}
	for _, c := range []struct {
		ratio   Ratio
		want    float64
		reached bool
	}{
		{Ratio{Events, "copy", 0.8}, 0.6, false},
		{Ratio{Events, "copy", 0.6}, 0.6, true},
		{Ratio{P50, "commit", 5}, 2, true},
		{Ratio{P50, "commit", 2}, 2, true},
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
	round.Limits["none"] = [2]float64{}
	if v, ok := (Ratio{Figure: Events, Limit: "none"}).Of(round); ok {
		t.Errorf("a limit of nothing has the ratio %v", v)
	}
}

func TestABrokenTruthIsShown(t *testing.T) {
	t.Parallel()
	r := measured(100, 0.5, 0.5)
	r.Scenarios[0].Rounds[1].Truth.Missing = 3
	var out bytes.Buffer
	r.Table(&out)
	if !strings.Contains(out.String(), "BROKEN") || !strings.Contains(out.String(), "3 of 7 acknowledged events are not in the table") {
		t.Errorf("%s", out.String())
	}
	if strings.Contains(out.String(), "reached") || strings.Contains(out.String(), " 50") {
		t.Errorf("it has figures:\n%s", out.String())
	}
	if changes := Compare(measured(100, 0.5, 0.5), r); len(changes) != 0 {
		t.Errorf("it is compared: %+v", changes)
	}
}

// TestTable holds the whole table against one that was counted by hand: each figure is the median of three rounds.
func TestTable(t *testing.T) {
	t.Parallel()
	round := func(n float64, limit float64) Round {
		return Round{
			Measurement: Measurement{
				Asked: 10 * n, Requests: 20 * n, Events: 30 * n, Seconds: 2, Batch: 40 * n, Mallocs: n / 2, Memory: int64(50*n) << 20,
				CPU:    monitor.CPU{Client: time.Duration(n) * time.Second, Ingester: 2 * time.Duration(n) * time.Second, Postgres: 3 * time.Duration(n) * time.Second},
				Counts: load.Counts{Requests: 9, Stored: 5, Duplicates: 1, Refused: 2 * int(n), Failed: 4 - 2*int(n)}, Latency: Latency{P50: int64(1000 * n), P99: int64(2000 * n), P999: int64(3000 * n)},
				Truth: truth.Verdict{Rows: 5, Stored: 5, Settled: 6},
			},
			Limits: map[string][2]float64{"copy": {limit, limit + 20}, "commit": {400, 600}},
		}
	}
	ratios := []Ratio{{Events, "copy", 0.5}, {Events, "commit", 0}, {P99, "commit", 1}, {P50, "commit", 0.5}, {Events, "nothing", 1}}
	sound := Scenario{Name: "sound", Ratios: ratios, Rounds: []Round{round(1, 90), round(2, 110), round(1.5, 70)}}
	for i := range sound.Rounds {
		sound.Rounds[i].Counts = load.Counts{Stored: 3, Duplicates: 2, Refused: 4, Failed: 1}
		sound.Rounds[i].Truth = truth.Verdict{Rows: 3, Stored: 3, Settled: 5}
		sound.Rounds[i].CPU = monitor.CPU{Client: 1 * time.Second, Ingester: 3 * time.Second, Postgres: 5 * time.Second}
	}
	quiet := Scenario{Name: "quiet", Rounds: []Round{{Measurement: Measurement{Events: 8, Seconds: 1, Unchecked: "no database"}}}}
	broken := Scenario{Name: "broken", Ratios: ratios, Rounds: []Round{round(1, 90)}, Error: "it broke"}
	r := Result{Scenarios: []Scenario{sound, quiet, broken, {Name: "none", Skipped: "too large"}}}
	var out bytes.Buffer
	r.Table(&out)
	var got strings.Builder
	for line := range strings.Lines(out.String()) { // the columns are another's affair
		got.WriteString(strings.Join(strings.Fields(line), " ") + "\n")
	}
	want := `scenario asked/s requests/s events/s ± refused p50 ms p99 ms p99.9 ms batch CPU client ingester Postgres RSS MB mallocs truth
sound 15 30 45 33% 40% 1.50 3.00 4.50 60 50% 150% 250% 75 0.8 holds
quiet 8 0% 0.00 0.00 0.00 0% 0% 0% unchecked
broken BROKEN

scenario ratio median least most limit/s goal
sound of copy 0.50 0.30 0.56 100 ≥ 0.5 reached
sound events per commit 0.09 0.06 0.12 500
sound p99 in commits 1.50 1.00 2.00 500 ≤ 1 not reached
sound p50 in commits 0.75 0.50 1.00 500 ≤ 0.5 not reached

broken: it broke
none: left out: too large
`
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Error(diff)
	}
}

// TestCompareWhatCanBe: what one of two runs has not, or has not got right, has no line; the others have theirs.
func TestCompareWhatCanBe(t *testing.T) {
	t.Parallel()
	scenario := func(name string, change func(s *Scenario)) Scenario {
		s := measured(100, 0.5, 0.5, 0.5, 0.5, 0.5).Scenarios[0]
		s.Name = name
		s.Ratios = []Ratio{{Events, "copy", 0.8}, {P99, "copy", 0}}
		change(&s)
		return s
	}
	nothing := func(*Scenario) {}
	broken := func(s *Scenario) { s.Error = "it broke" }
	none := func(s *Scenario) { s.Rounds = nil }
	slow := func(s *Scenario) {
		for i := range s.Rounds {
			s.Rounds[i].Events /= 2
			s.Rounds[i].Latency.P99 = 1000
		}
	}
	quick := func(s *Scenario) {
		for i := range s.Rounds {
			s.Rounds[i].Latency.P99 = 500
		}
	}
	unlimited := func(s *Scenario) {
		slow(s)
		for i := range s.Rounds {
			s.Rounds[i].Limits = nil
		}
	}
	fewer := func(s *Scenario) { s.Ratios = s.Ratios[:1]; slow(s) }
	old := &Result{Scenarios: []Scenario{scenario("1", broken), scenario("2", none), scenario("3", nothing), scenario("4", nothing), scenario("both", quick), scenario("unlimited", nothing), scenario("fewer", fewer)}}
	now := &Result{Scenarios: []Scenario{scenario("new", nothing), scenario("1", nothing), scenario("2", nothing), scenario("3", none), scenario("4", broken), scenario("both", slow), scenario("unlimited", unlimited), scenario("fewer", nothing)}}
	changes := Compare(old, now)
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprintf("%s %s %s", c.Scenario, c.Figure, c.Verdict()))
	}
	want := []string{"both of copy WORSE", "both p99 in commits WORSE", "unlimited events/s WORSE", "fewer of copy better"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	var out bytes.Buffer
	if worse := PrintChanges(&out, changes); worse != 3 || !strings.Contains(out.String(), "-50.0%") || !strings.Contains(out.String(), "+100.0%") {
		t.Errorf("%d worse:\n%s", worse, out.String())
	}
}

func TestWorst(t *testing.T) {
	t.Parallel()
	for range 20 { // in whatever order a map is gone through
		if worst, times := Worst(map[string]int{"d": 1, "c": 3, "b": 3, "a": 2, "e": 3}); worst != "b" || times != 3 {
			t.Fatalf("%s %d", worst, times)
		}
	}
	if worst, times := Worst(nil); worst != "" || times != 0 {
		t.Errorf("%s %d", worst, times)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new folder", "result.json")
	want := measured(100, 0.5)
	if err := Write(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := Read(path)
	if err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("%v, %s", err, cmp.Diff(want, got))
	}
	want.Version++
	if err := Write(path, want); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "has version") {
		t.Errorf("a document of another version is read: %v", err)
	}
	for text, says := range map[string]string{
		"{}": "is not a result of bench", `{"version":1}`: "has no scenarios", `{"version":1,"scenarios":[{"name"`: "or is truncated", `{"version":1,"scenarios":7}`: "or is truncated",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
	if _, err := Read(path + ".not"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	full := filepath.Join(t.TempDir(), "full")
	if err := os.MkdirAll(filepath.Join(full, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(full, want); err == nil { // it cannot take the place of a folder
		t.Error("a document that is not there is written")
	}
	if err := Write(filepath.Join(path, "below"), want); err == nil {
		t.Error("a document below a file is written")
	}
	if err := Write(path, math.NaN()); err == nil {
		t.Error("what JSON has no word for is written")
	}
}
