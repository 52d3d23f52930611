package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"text/tabwriter"
	"time"

	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/statistics"
)

type pairCommand struct {
	DataDir     string        `default:"./bench-data" help:"Folder for Postgres and logs."`
	DatabaseURL string        `name:"database-url" placeholder:"URL" help:"Postgres to use in place of a private one; its user must be able to create databases."`
	Scenario    string        `arg:"" help:"What to measure; see list."`
	Old         string        `arg:"" help:"The ingester from before."`
	New         string        `arg:"" help:"The ingester from after."`
	Pairs       int           `default:"60" help:"Windows of each, in turn; the standard error falls with the root of it."`
	Warm        time.Duration `default:"150ms" help:"Load before a window of measurement."`
	Measure     time.Duration `default:"500ms" help:"Window of measurement; for arrays of 1,000 better 1s or more."`
}

// Run implements kong's interface.
func (c *pairCommand) Run(ctx context.Context, s output) (err error) {
	chosen, ok := scenario.Find(c.Scenario)
	if !ok {
		return fmt.Errorf("there is no scenario %q: see bench list", c.Scenario)
	}
	if chosen.FullTable() || chosen.Name == scenario.PayloadFile {
		return fmt.Errorf("%s wants a table or a file of its own: bench run measures it", chosen.Name)
	}
	if chosen.Known > 0 {
		return fmt.Errorf("%s is about the first moments after a start, and both stay up here: bench run measures it", chosen.Name)
	}
	h, err := openHouse(ctx, place{DataDir: c.DataDir, DatabaseURL: c.DatabaseURL, Ingest: c.Old}, newProgress(s.stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close(ctx)) }()
	newer, err := filepath.Abs(c.New)
	if err != nil {
		return fmt.Errorf("find the newer ingester: %w", err)
	}
	p := pair{house: h, scenario: chosen, window: window{c.Warm, c.Measure}, binaries: [2]string{h.binary, newer}}
	if err := p.measure(ctx, c.Pairs); err != nil {
		return err
	}
	return p.table(s)
}

// pair measures two ingesters in turn, a short window each, so that the drift of the machine's speed affects both alike.
// Both stay up, on a database each. No limits are measured in between: they would take most of the time.
type pair struct {
	*house
	scenario scenario.Scenario
	window   window
	binaries [2]string
	trials   [2]*trial
	runs     [2][]result.Run
}

// measure sets both ingesters up, loads them in turn, and checks the truth of each.
func (p *pair) measure(ctx context.Context, pairs int) (err error) {
	for i, own := range [2]string{"_old", "_new"} {
		h, s := *p.house, p.scenario
		h.binary, s.Suffix, s.Emptied = p.binaries[i], own, false
		t, failed := h.begin(ctx, s, p.window)
		defer func() { err = errors.Join(err, t.tearDown(context.WithoutCancel(ctx))) }()
		if failed != nil {
			return fmt.Errorf("%s: %w", h.binary, failed)
		}
		p.trials[i] = t
	}
	if err := p.load(ctx, pairs); err != nil {
		return err
	}
	for i, t := range p.trials {
		var all result.Run
		for _, r := range p.runs[i] {
			all.Counts.Add(r.Counts)
		}
		if err := errors.Join(t.check(ctx, &all), all.Truth.Err()); err != nil {
			return fmt.Errorf("%s: %w", t.binary, err)
		}
	}
	return nil
}

// orders says which ingester goes first in each pair: each as often as the other, in random order. If they went first by
// turns, that would fall into step with whatever recurs on the machine: where every fourth run was slower by 8 %, a build
// came out 1.05 to 1.1 times as fast as itself (docs/benchmarks.md).
func orders(pairs int) [][2]int {
	all := make([][2]int, pairs)
	for n := range all {
		all[n] = [2]int{n % 2, 1 - n%2}
	}
	rand.Shuffle(pairs, func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// load loads both ingesters, a window each in every pair.
func (p *pair) load(ctx context.Context, pairs int) error {
	p.progress.begin(p.scenario.Name, pairs)
	defer p.progress.end()
	for n, order := range orders(pairs) {
		for _, i := range order {
			r, err := p.trials[i].drive(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", p.trials[i].binary, err)
			}
			if r.Events == 0 {
				return fmt.Errorf("%s: %w", p.trials[i].binary, nothingSettled(r, p.window.measure))
			}
			p.runs[i] = append(p.runs[i], r)
		}
		p.progress.set(n + 1)
	}
	return nil
}

// nothingSettled says why a window has no figure: what went wrong most often, or that it was too short.
func nothingSettled(r result.Run, measure time.Duration) error {
	worst, times := result.Worst(r.Failures)
	switch {
	case times > 0:
		return fmt.Errorf("no event was settled in %s; %d times: %s", measure, times, worst)
	case r.Counts.Refused > 0:
		return fmt.Errorf("no event was settled in %s: %d were refused", measure, r.Counts.Refused)
	}
	return fmt.Errorf("nothing was answered in %s: want a longer --measure", measure)
}

// pairFigures are the lines of the table. A line is left out if its figure is not known: the processor time of a Postgres
// that somebody else runs, or one that is less than a tick of /proc in any window.
var pairFigures = []struct {
	name string
	of   func(r result.Run) float64
}{
	{"events/s", func(r result.Run) float64 { return r.Events }},
	{"ingester, µs of processor an event", func(r result.Run) float64 { return perEvent(r.CPU.Ingester, r) }},
	{"Postgres, µs of processor an event", func(r result.Run) float64 { return perEvent(r.CPU.Postgres, r) }},
	{"both, µs of processor an event", func(r result.Run) float64 {
		if r.CPU.Postgres == 0 {
			return 0
		}
		return perEvent(r.CPU.Ingester+r.CPU.Postgres, r)
	}},
}

func perEvent(d time.Duration, r result.Run) float64 {
	return float64(d.Microseconds()) / (r.Events * r.Seconds)
}

func (p *pair) table(s output) error {
	t := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s, %d PAIRS\tOLD, MEDIAN\tNEW\tRATIO\tSTANDARD ERROR\n", p.scenario.Name, len(p.runs[0]))
	for _, f := range pairFigures {
		var values [2][]float64
		for i, runs := range p.runs {
			for _, r := range runs {
				values[i] = append(values[i], f.of(r))
			}
		}
		if ratio, spread := statistics.PairRatio(values[0], values[1]); !math.IsNaN(ratio) {
			fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.3f\t%.3f\n", f.name, statistics.Median(values[0]), statistics.Median(values[1]), ratio, spread)
		}
	}
	return t.Flush()
}
