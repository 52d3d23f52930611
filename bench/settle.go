package main

import (
	"context"
	"fmt"
	"time"

	"ingot/bench/internal/load"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/scenario"
)

// A full table is measured in the state of a table in use. Right after a checkpoint, with which every limit on a fresh
// database ends, it is in another state: each page of an index goes into the WAL whole when it is first touched, and at
// first no buffer has to be written to make room. That state is past once few rows bring a page image.
const (
	settleStep   = 3 * time.Second
	settleMost   = 30   // steps
	settleImages = 0.02 // page images a row
)

// settle brings the full table of a scenario into the state of one in use: it reads the table, and loads it until that
// state is reached. counts are those of this load.
func (t *trial) settle(ctx context.Context) (counts load.Counts, err error) {
	if !t.FullTable() {
		return counts, nil
	}
	step := *t
	step.window = window{0, settleStep}
	return counts, t.settleBy(ctx, t.database, func() (int, error) {
		r, err := step.drive(ctx)
		counts.Add(r.Counts)
		return r.Counts.Stored, err
	})
}

// pourBatch is how many rows a batch of an ingester has when clients send arrays of 1,000 events.
const pourBatch = 1400

// pour measures raw COPY into the table of a scenario, in the same state.
func (h *house) pour(ctx context.Context, s scenario.Scenario) (float64, error) {
	t := &trial{house: h, Scenario: s}
	var err error
	if t.encoder, err = mix.NewEncoder(t.Mix); err != nil {
		return 0, err
	}
	if err := t.openDatabase(ctx); err != nil {
		return 0, err
	}
	err = h.settleBy(ctx, t.database, func() (int, error) {
		rows, _, err := postgres.Pour(ctx, t.database, t.encoder, pourBatch, settleStep)
		return rows, err
	})
	if err != nil {
		return 0, err
	}
	rows, took, err := postgres.Pour(ctx, t.database, t.encoder, pourBatch, scenario.FullTableWindow)
	return float64(rows) / took.Seconds(), err
}

// settleBy reads the tables of a database once, and then has steps of load write to it until few rows bring a page image,
// settleMost steps at most.
func (h *house) settleBy(ctx context.Context, url string, step func() (rows int, err error)) error {
	if err := postgres.ReadOnce(ctx, url); err != nil {
		return err
	}
	before, err := h.cluster.PageImages(ctx)
	for n := 0; err == nil && n < settleMost; n++ {
		var rows int
		if rows, err = step(); err != nil {
			return fmt.Errorf("load before the window: %w", err)
		}
		last := before
		if before, err = h.cluster.PageImages(ctx); err == nil && float64(before-last) <= settleImages*float64(rows) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("count page images: %w", err)
	}
	return fmt.Errorf("after %v of load more than %v pages a row go into the log whole", settleMost*settleStep, settleImages)
}
