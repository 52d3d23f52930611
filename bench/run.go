package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ingot/bench/internal/result"
)

type runCommand struct {
	place
	Scenarios []string      `arg:"" optional:"" name:"scenario" help:"What to measure; see list."`
	Full      bool          `help:"All scenarios, not just the quick set."`
	Rounds    int           `default:"5" help:"Runs of each scenario; compare wants at least 5."`
	Warm      time.Duration `default:"400ms" help:"Load before the window of measurement."`
	Measure   time.Duration `default:"2s" help:"Window of measurement."`
	Out       string        `placeholder:"FILE" help:"Where the result goes; the report is put beside it. Default: below --data-dir."`
}

// Run implements kong's interface.
func (c *runCommand) Run(ctx context.Context, s streams) (err error) {
	chosen, err := c.chosen()
	if err != nil {
		return err
	}
	h, err := openHouse(ctx, c.place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close(ctx)) }()
	r := &result.Result{Version: result.Version, Started: time.Now()}
	for _, scenario := range chosen {
		got, err := h.stage(ctx, scenario, c.Rounds, window{c.Warm, c.Measure}, func() {})
		if err != nil {
			return fmt.Errorf("%s: %w", scenario.Name, err)
		}
		r.Scenarios = append(r.Scenarios, got)
	}
	r.Table(s.stdout)
	return nil
}

// chosen are the scenarios asked for, in the order of the table.
func (c *runCommand) chosen() ([]scenario, error) {
	wanted := map[string]bool{}
	for _, name := range c.Scenarios {
		if _, ok := find(name); !ok {
			return nil, fmt.Errorf("there is no scenario %q: see bench list", name)
		}
		wanted[name] = true
	}
	var chosen []scenario
	for _, s := range scenarios() {
		if wanted[s.Name] || len(wanted) == 0 && (c.Full || s.Set == quick) {
			chosen = append(chosen, s)
		}
	}
	return chosen, nil
}
