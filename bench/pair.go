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

	"ingot/bench/internal/environment"
	"ingot/bench/internal/measure"
	"ingot/bench/internal/progress"
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
	env, err := environment.Open(ctx, environment.Options{DataDir: c.DataDir, DatabaseURL: c.DatabaseURL, Ingest: c.Old}, progress.New(s.stderr))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close(ctx)) }()
	newer, err := filepath.Abs(c.New)
	if err != nil {
		return fmt.Errorf("find the newer ingester: %w", err)
	}
	p := pair{env: env, scenario: chosen, window: measure.Window{Warm: c.Warm, Measure: c.Measure}, binaries: [2]string{env.Binary, newer}}
	if err := p.measure(ctx, c.Pairs); err != nil {
		return err
	}
	return p.table(s)
}

// pair measures two ingesters in turn, a short window each, so that the drift of the machine's speed affects both alike.
// Both stay up, on a database each. No limits are measured in between: they would take most of the time.
type pair struct {
	env      *environment.Environment
	scenario scenario.Scenario
	window   measure.Window
	binaries [2]string
	rounds   [2]*measure.Round
	measured [2][]result.Measurement
}

// measure sets both ingesters up, loads them in turn, and checks the truth of each.
func (p *pair) measure(ctx context.Context, pairs int) (err error) {
	for i, suffix := range [2]string{"_old", "_new"} {
		env, s := *p.env, p.scenario
		env.Binary, s.Suffix, s.Emptied = p.binaries[i], suffix, false
		r, failed := measure.SetUp(ctx, &env, s, p.window)
		if failed != nil {
			return fmt.Errorf("%s: %w", env.Binary, failed)
		}
		defer func() { err = errors.Join(err, r.TearDown(context.WithoutCancel(ctx))) }()
		p.rounds[i] = r
	}
	if err := p.load(ctx, pairs); err != nil {
		return err
	}
	for i, r := range p.rounds {
		var all result.Measurement
		for _, m := range p.measured[i] {
			all.Counts.Add(m.Counts)
		}
		if err := errors.Join(r.Check(ctx, &all), all.Truth.Err()); err != nil {
			return fmt.Errorf("%s: %w", r.Binary, err)
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
	p.env.Progress.Begin(p.scenario.Name, pairs)
	defer p.env.Progress.End()
	for n, order := range orders(pairs) {
		for _, i := range order {
			m, err := p.rounds[i].Load(ctx)
			if err == nil {
				err = measure.NothingSettled(m, p.window.Measure)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", p.binaries[i], err)
			}
			p.measured[i] = append(p.measured[i], m)
		}
		p.env.Progress.Set(n + 1)
	}
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
	t := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s, %d PAIRS\tOLD, MEDIAN\tNEW\tRATIO\tSTANDARD ERROR\n", p.scenario.Name, len(p.measured[0]))
	for _, f := range pairFigures {
		var values [2][]float64
		for i, all := range p.measured {
			for _, r := range all {
				values[i] = append(values[i], f.of(r))
			}
		}
		if ratio, spread := statistics.PairRatio(values[0], values[1]); !math.IsNaN(ratio) {
			fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.3f\t%.3f\n", f.name, statistics.Median(values[0]), statistics.Median(values[1]), ratio, spread)
		}
	}
	return t.Flush()
}
