package measure

import (
	"context"
	"fmt"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/load"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/scenario"
)

// A full table is measured in the steady state of a table in use. Right after a checkpoint, with which every limit on a fresh
// database ends, it is in another state: each page of an index goes into the WAL whole when it is first touched, and at
// first no buffer has to be written to make room. That state is past once few rows bring a page image.
const (
	steadyStep   = 3 * time.Second
	steadySteps  = 30   // at most
	steadyImages = 0.02 // page images a row
)

// reachSteadyState brings the full table of a scenario into the state of one in use: it reads the table, and loads it until
// that state is reached. counts are those of this load.
func (r *round) reachSteadyState(ctx context.Context) (counts load.Counts, err error) {
	if !r.scenario.FullTable() {
		return counts, nil
	}
	step := *r
	step.window = Window{0, steadyStep}
	return counts, loadUntilSteady(ctx, r.env, r.database, func() (int, error) {
		m, err := step.load(ctx)
		counts.Add(m.Counts)
		return m.Counts.Stored, err
	})
}

// pourBatch is how many rows a batch of an ingester has when clients send arrays of 1,000 events.
const pourBatch = 1400

// pour measures raw COPY into the table of a scenario, in the same state.
func pour(ctx context.Context, env *environment.Environment, s scenario.Scenario) (float64, error) {
	r, err := newRound(env, s, Window{})
	if err != nil {
		return 0, err
	}
	if err := r.openDatabase(ctx); err != nil {
		return 0, err
	}
	err = loadUntilSteady(ctx, env, r.database, func() (int, error) {
		rows, _, err := postgres.Pour(ctx, r.database, r.encoder, pourBatch, steadyStep)
		return rows, err
	})
	if err != nil {
		return 0, err
	}
	rows, took, err := postgres.Pour(ctx, r.database, r.encoder, pourBatch, scenario.FullTableWindow)
	return float64(rows) / took.Seconds(), err
}

// loadUntilSteady reads the tables of a database once, and then has steps of load write to it until few rows bring a page
// image, steadySteps at most.
func loadUntilSteady(ctx context.Context, env *environment.Environment, url string, step func() (rows int, err error)) error {
	if err := postgres.ReadOnce(ctx, url); err != nil {
		return err
	}
	before, err := env.Cluster.PageImages(ctx)
	for n := 0; err == nil && n < steadySteps; n++ {
		var rows int
		if rows, err = step(); err != nil {
			return fmt.Errorf("load before the window: %w", err)
		}
		last := before
		if before, err = env.Cluster.PageImages(ctx); err == nil && float64(before-last) <= steadyImages*float64(rows) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("count page images: %w", err)
	}
	return fmt.Errorf("after %v of load, more than %v full pages per row are still written to the WAL", steadySteps*steadyStep, steadyImages)
}
