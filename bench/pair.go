package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"text/tabwriter"
	"time"

	"ingot/bench/internal/environment"
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
	p := &measure.Pair{Env: env, Scenario: chosen, Window: measure.Window{Warm: c.Warm, Measure: c.Measure}, Binaries: [2]string{env.Binary, newer}, Pairs: c.Pairs}
	if err := p.Measure(ctx, c.Starts); err != nil {
		return err
	}
	return pairTable(s.stdout, p)
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

func pairTable(out io.Writer, p *measure.Pair) error {
	pairs := 0
	for _, measured := range p.Starts {
		pairs += len(measured[0])
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s, %d PAIRS, %d STARTS\tOLD, MEDIAN\tNEW\tRATIO\tSTANDARD ERROR\n", p.Scenario.Name, pairs, len(p.Starts))
	for _, f := range pairFigures {
		var values, means [2][]float64
		for _, measured := range p.Starts {
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
	if p.LeftOut > 0 {
		fmt.Fprintf(t, "%d of %d pairs are left out: in one of the two windows no event was settled\n", p.LeftOut, p.Pairs)
	}
	return t.Flush()
}
