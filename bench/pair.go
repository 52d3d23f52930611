package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"ingot/bench/internal/result"
	"ingot/bench/internal/score"
)

type pairCommand struct {
	DataDir     string        `default:"./bench-data" help:"Folder for Postgres and logs."`
	DatabaseURL string        `name:"database-url" placeholder:"URL" help:"Postgres to use in place of a private one; its user must be able to create databases."`
	Scenario    string        `arg:"" help:"What to measure; see list."`
	Old         string        `arg:"" help:"The ingester from before."`
	New         string        `arg:"" help:"The ingester from after."`
	Pairs       int           `default:"12" help:"Runs of each, in turn; the standard error falls with the root of it."`
	Warm        time.Duration `default:"600ms" help:"Load before the window of measurement."`
	Measure     time.Duration `default:"2s" help:"Window of measurement."`
}

// Run implements kong's interface.
func (c *pairCommand) Run(ctx context.Context, s streams) (err error) {
	chosen, ok := find(c.Scenario)
	if !ok {
		return fmt.Errorf("there is no scenario %q: see bench list", c.Scenario)
	}
	if chosen.copies() || chosen.Name == payloadFile {
		return fmt.Errorf("%s wants a table or a file of its own: bench run measures it", chosen.Name)
	}
	if c.Pairs < 2 {
		return fmt.Errorf("--pairs %d: want at least 2, or there is no error to tell", c.Pairs)
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

// pair measures two ingesters in turn, so that the machine's drift meets both. There are no
// limits in between, which would take most of the time.
type pair struct {
	*house
	scenario scenario
	window   window
	binaries [2]string
	runs     [2][]result.Run
}

// measure alternates who goes first.
func (p *pair) measure(ctx context.Context, pairs int) error {
	p.progress.begin(p.scenario.Name, pairs)
	defer p.progress.end()
	for n := range pairs {
		for _, i := range [2][2]int{{0, 1}, {1, 0}}[n%2] {
			p.binary = p.binaries[i]
			r, err := p.round(ctx, p.scenario, p.window)
			if err == nil {
				err = r.Truth.Err()
			}
			if err != nil {
				return fmt.Errorf("%s: %w", p.binary, err)
			}
			p.runs[i] = append(p.runs[i], r)
		}
		p.progress.set(n + 1)
	}
	return nil
}

// pairFigures are what the table has lines for.
var pairFigures = []struct {
	name string
	of   func(r result.Run) float64
}{
	{"events/s", func(r result.Run) float64 { return r.Events }},
	{"ingester, µs of processor an event", func(r result.Run) float64 { return perEvent(r.CPU.Ingester, r) }},
	{"Postgres, µs of processor an event", func(r result.Run) float64 { return perEvent(r.CPU.Postgres, r) }},
	{"both, µs of processor an event", func(r result.Run) float64 { return perEvent(r.CPU.Ingester+r.CPU.Postgres, r) }},
}

func perEvent(d time.Duration, r result.Run) float64 {
	return float64(d.Microseconds()) / (r.Events * r.Seconds)
}

func (p *pair) table(s streams) error {
	t := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s, %d PAIRS\tOLD, MEDIAN\tNEW\tRATIO\tSTANDARD ERROR\n", p.scenario.Name, len(p.runs[0]))
	for _, f := range pairFigures {
		var values [2][]float64
		for i, runs := range p.runs {
			for _, r := range runs {
				values[i] = append(values[i], f.of(r))
			}
		}
		ratio, spread := score.Ratio(values[0], values[1])
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.3f\t%.3f\n", f.name, score.Median(values[0]), score.Median(values[1]), ratio, spread)
	}
	return t.Flush()
}
