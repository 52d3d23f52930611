package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/measure"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/statistics"
)

type limitsCommand struct {
	databaseFlags
	Rounds int `default:"3" help:"Rounds of each limit."`
}

// limitLine is a limit and the load it is measured with.
type limitLine struct {
	what, limit string
	load        scenario.Scenario
}

func limitLines() []limitLine {
	return []limitLine{
		{"raw COPY, whole or in chunks of 100, rows/s", scenario.LimitCopy, scenario.Scenario{Array: 100}},
		{"raw COPY, whole or in chunks of 1,000, rows/s", scenario.LimitCopy, scenario.Scenario{Array: 1000}},
		{"raw COPY, UUIDv7, rows/s", scenario.LimitCopy, scenario.Scenario{Array: 1000, Mix: mix.Mix{IDs: mix.UUIDv7}}},
		{"HTTP that does nothing, 64 connections, requests/s", scenario.LimitNothing, scenario.Scenario{Connections: 64}},
		{"HTTP that does nothing, 256 connections, requests/s", scenario.LimitNothing, scenario.Scenario{Connections: 256}},
		{"rows in groups and no promise, 64 connections, requests/s", scenario.LimitBare, scenario.Scenario{Connections: 64}},
		{"rows in groups and no promise, 256 connections, requests/s", scenario.LimitBare, scenario.Scenario{Connections: 256}},
		{"one INSERT per request, 64 connections, requests/s", scenario.LimitNaive, scenario.Scenario{Connections: 64}},
		{"one INSERT per request, 256 connections, requests/s", scenario.LimitNaive, scenario.Scenario{Connections: 256}},
		{"one row and COMMIT, one connection, commits/s", scenario.LimitCommit, scenario.Scenario{}},
	}
}

func (c *limitsCommand) Run(ctx context.Context, s output) (err error) {
	env, err := environment.Open(ctx, environment.Options{DataDir: c.DataDir, DatabaseURL: c.DatabaseURL, NoIngester: true}, s.stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close(ctx)) }()
	t := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "LIMIT\tMEDIAN\tLEAST\tMOST")
	for _, line := range limitLines() {
		env.Progress.Say("%s", line.what)
		v, err := c.measure(ctx, env, line)
		if err != nil {
			return errors.Join(t.Flush(), fmt.Errorf("%s: %w", line.what, err)) // shows what was measured before
		}
		fmt.Fprintf(t, "%s\t%.0f\t%.0f\t%.0f\n", line.what, v.Median, v.Least, v.Most)
	}
	return t.Flush()
}

func (c *limitsCommand) measure(ctx context.Context, env *environment.Environment, line limitLine) (statistics.Summary, error) {
	l, err := measure.OpenLimit(ctx, env, line.limit, line.load, measure.Window{})
	if err != nil {
		return statistics.Summary{}, err
	}
	defer l.Close()
	var values []float64
	for range c.Rounds {
		v, err := l.Measure(ctx)
		if err != nil {
			return statistics.Summary{}, err
		}
		values = append(values, v)
	}
	return statistics.Summarize(values), nil
}
