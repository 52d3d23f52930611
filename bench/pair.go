package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"text/tabwriter"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/load"
	"ingot/bench/internal/measure"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/statistics"
)

type pairCommand struct {
	databaseFlags
	Scenario string        `arg:"" help:"The scenario; see bench list."`
	Old      string        `arg:"" help:"The ingester before the change."`
	New      string        `arg:"" help:"The ingester after it."`
	Pairs    int           `default:"60" help:"Measurement windows of each, in turn."`
	Starts   int           `default:"6" help:"How many times both are started, on empty databases; the pairs are spread over the starts, and the standard error is that of the starts."`
	Warm     time.Duration `default:"150ms" help:"Load before a measurement window."`
	Measure  time.Duration `default:"500ms" help:"Measurement window; for arrays of 1,000, better 1s or more."`
}

// checkScenario tells whether the scenario can be measured by two ingesters that stay up.
func (c *pairCommand) checkScenario() error {
	s, err := findScenario(c.Scenario)
	switch {
	case err != nil:
		return err
	case s.FullTable() || s.Name == scenario.PayloadFile:
		return fmt.Errorf("%s needs a table or a file of its own: use bench run to measure it", s.Name)
	case s.Known > 0:
		return fmt.Errorf("%s is about the first moments after a start, but both stay up here: use bench run to measure it", s.Name)
	}
	return nil
}

func (c *pairCommand) Run(ctx context.Context, s output) (err error) {
	chosen, _ := scenario.Find(c.Scenario)
	env, err := environment.Open(ctx, environment.Options{DataDir: c.DataDir, DatabaseURL: c.DatabaseURL, Ingest: c.Old}, s.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close(ctx)) }()
	newer, err := filepath.Abs(c.New)
	if err != nil {
		return fmt.Errorf("find the newer ingester: %w", err)
	}
	p := pair{env: env, scenario: chosen, window: measure.Window{Warm: c.Warm, Measure: c.Measure}, binaries: [2]string{env.Binary, newer}, pairs: c.Pairs}
	if err := p.measure(ctx, c.Starts); err != nil {
		return err
	}
	return p.table(s)
}

// pair measures two ingesters in turn, a short window each, so that the drift of the machine's speed affects both alike.
// Both stay up meanwhile, on a database each. No limits are measured in between: they would take most of the time.
//
// What a process got from the kernel as it started stays with it: where its memory lies, which thread runs where. So both are
// started anew several times, and each start counts as one figure. With a single start the same two builds came to 0.951
// (0.016) of each other in one call and to 1.025 (0.015) in the next (docs/benchmarks.md).
type pair struct {
	env      *environment.Environment
	scenario scenario.Scenario
	window   measure.Window
	binaries [2]string
	pairs    int // how many are to be measured
	leftOut  int // how many of them have no figure
	starts   []start
}

// mayLeaveOut is how many of so many pairs may have no figure, as when the machine stands still for a window. A build that needs
// more than that left out would be shown as better than it is. A guess.
func mayLeaveOut(pairs int) int { return pairs / 10 }

// start is what was measured of the two between one start and the next.
type start [2][]result.Measurement

// measure spreads the pairs over the starts.
func (p *pair) measure(ctx context.Context, starts int) error {
	p.env.Progress.Begin(p.scenario.Name, p.pairs)
	defer p.env.Progress.End()
	for n, order := range orders(starts) {
		if err := p.measureStart(ctx, order, p.pairs*n/starts, p.pairs*(n+1)/starts); err != nil {
			return err
		}
	}
	return nil
}

// measureStart sets both ingesters up, in that order, loads them in turn, and checks the truth of each. done and until number the pairs.
func (p *pair) measureStart(ctx context.Context, order [2]int, done, until int) (err error) {
	var rounds [2]*measure.Round
	for _, i := range order {
		env, s := *p.env, p.scenario
		env.Binary, s.Suffix, s.Emptied = p.binaries[i], [2]string{"_old", "_new"}[i], false
		r, failed := measure.SetUp(ctx, &env, s, p.window)
		if failed != nil {
			return fmt.Errorf("%s: %w", env.Binary, failed)
		}
		defer func() { err = errors.Join(err, r.TearDown(ctx)) }()
		rounds[i] = r
	}
	measured, counts, err := p.load(ctx, rounds, done, until)
	if err != nil {
		return err
	}
	if len(measured[0]) > 0 { // else all its pairs are left out
		p.starts = append(p.starts, measured)
	}
	for i, r := range rounds {
		all := result.Measurement{Counts: counts[i]}
		if err := errors.Join(r.Check(ctx, &all), all.Truth.Err()); err != nil {
			return fmt.Errorf("%s: %w", r.Binary, err)
		}
	}
	return nil
}

// orders says which ingester goes first in each pair, and in each start: each as often as the other, in random order. If they
// went first by turns, that would fall into step with whatever recurs on the machine: where every fourth run was slower by 8 %,
// a build came out 1.05 to 1.1 times as fast as itself (docs/benchmarks.md).
func orders(pairs int) [][2]int {
	all := make([][2]int, pairs)
	for n := range all {
		all[n] = [2]int{n % 2, 1 - n%2}
	}
	rand.Shuffle(pairs, func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// load loads both ingesters, a window each in every pair. It leaves out a pair if one of its windows has no figure. counts are
// of all windows, for the truth check.
func (p *pair) load(ctx context.Context, rounds [2]*measure.Round, done, until int) (measured start, counts [2]load.Counts, err error) {
	for n, order := range orders(until - done) {
		var both [2]result.Measurement
		var missing error
		for _, i := range order {
			if both[i], err = rounds[i].Load(ctx); err != nil {
				return measured, counts, fmt.Errorf("%s: %w", p.binaries[i], err)
			}
			counts[i].Add(both[i].Counts)
			if none := measure.NothingSettled(both[i], p.window.Measure); none != nil {
				missing = cmp.Or(missing, fmt.Errorf("%s: %w", p.binaries[i], none))
			}
		}
		if missing != nil {
			if err := p.leaveOut(done+n+1, missing); err != nil {
				return measured, counts, err
			}
			continue
		}
		for i, m := range both {
			measured[i] = append(measured[i], m)
		}
		p.env.Progress.Set(done + n + 1)
	}
	return measured, counts, nil
}

// leaveOut counts a pair that has no figure. Its error says that there are too many of them.
func (p *pair) leaveOut(number int, why error) error {
	if p.leftOut++; p.leftOut > mayLeaveOut(p.pairs) {
		return fmt.Errorf("%d of %d pairs have no figure: %w", p.leftOut, p.pairs, why)
	}
	p.env.Progress.Say("pair %d of %d is left out: %v", number, p.pairs, why)
	return nil
}

// pairFigures are the lines of the table. A line is left out if its figure is not known: the processor time of a Postgres
// that somebody else runs, or one that is less than a tick of /proc in any window.
var pairFigures = []struct {
	name string
	of   func(r result.Measurement) float64
}{
	{"events/s", func(r result.Measurement) float64 { return r.Events }},
	{"ingester, µs of processor an event", func(r result.Measurement) float64 { return perEvent(r.CPU.Ingester, r) }},
	{"Postgres, µs of processor an event", func(r result.Measurement) float64 { return perEvent(r.CPU.Postgres, r) }},
	{"both, µs of processor an event", func(r result.Measurement) float64 {
		if r.CPU.Postgres == 0 {
			return 0
		}
		return perEvent(r.CPU.Ingester+r.CPU.Postgres, r)
	}},
}

func perEvent(d time.Duration, r result.Measurement) float64 {
	return float64(d.Microseconds()) / (r.Events * r.Seconds)
}

func (p *pair) table(s output) error {
	pairs := 0
	for _, measured := range p.starts {
		pairs += len(measured[0])
	}
	t := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s, %d PAIRS, %d STARTS\tOLD, MEDIAN\tNEW\tRATIO\tSTANDARD ERROR\n", p.scenario.Name, pairs, len(p.starts))
	for _, f := range pairFigures {
		var values, means [2][]float64
		for _, measured := range p.starts {
			for i, all := range measured {
				var of []float64
				for _, m := range all {
					of = append(of, f.of(m))
				}
				values[i] = append(values[i], of...)
				means[i] = append(means[i], statistics.GeometricMean(of))
			}
		}
		if ratio, spread := statistics.PairRatio(means[0], means[1]); !math.IsNaN(ratio) {
			fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.3f\t%.3f\n", f.name, statistics.Median(values[0]), statistics.Median(values[1]), ratio, spread)
		}
	}
	if p.leftOut > 0 {
		fmt.Fprintf(t, "%d of %d pairs are left out: in one of the two windows no event was settled\n", p.leftOut, p.pairs)
	}
	return t.Flush()
}
