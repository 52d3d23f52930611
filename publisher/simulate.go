package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/alecthomas/kong"

	"ingot/internal/event"
	"ingot/internal/workload"
	"ingot/publisher/internal/audit"
	"ingot/publisher/internal/client"
	"ingot/publisher/internal/tally"
)

// simulate is the subcommand: its flags.
type simulate struct {
	server
	Events      int           `default:"20000" help:"Unique events to send."`
	Duplicates  float64       `default:"0.30" help:"Share of all sends that repeat an earlier event, from 0 to less than 1."`
	Concurrency int           `default:"8" help:"Clients that send in parallel."`
	Batch       int           `default:"1" help:"Events per request; 1 sends single objects, more sends arrays."`
	Rate        float64       `default:"0" help:"Events per second to offer; 0: as many as possible."`
	Seed        uint64        `default:"1" help:"Same seed, same events: a second run is all duplicates."`
	Timeout     time.Duration `default:"15s" help:"Longest wait for one answer."`
	GiveUpAfter time.Duration `default:"60s" help:"How long one request is retried before its events count as failed or unknown."`
	JSON        bool          `name:"json" help:"Print the report as JSON."`
	Audit       bool          `default:"true" negatable:"" help:"Read every acknowledged event back and compare it."`
}

// Validate is called by kong once the flags are read.
func (s *simulate) Validate(k *kong.Context) error {
	_, err := s.plan()
	if err := cmp.Or(err, s.check(k), checkLoad(s.Concurrency, s.Batch), checkWaits(s.Timeout, &s.GiveUpAfter)); err != nil {
		return err
	}
	if !(s.Rate >= 0) {
		return errors.New("--rate must be 0 or more")
	}
	return nil
}

func (s *simulate) plan() (workload.Plan, error) {
	plan, err := workload.NewPlan(s.Seed, s.Events, s.Duplicates)
	if err != nil {
		return plan, fmt.Errorf("--events and --duplicates: %w", err)
	}
	return plan, nil
}

// Run sends, audits and reports.
func (s *simulate) Run(ctx context.Context, out surroundings) error {
	plan, err := s.plan()
	if err != nil {
		return err
	}
	s.warn(out)
	c := s.client(out, s.Concurrency, s.Timeout, s.GiveUpAfter)
	defer c.Close()
	err = c.Reach(ctx, func(err error) {
		out.say("waiting up to %v for the server: %v", s.GiveUpAfter, err)
	})
	if err != nil && ctx.Err() == nil {
		return err
	}
	meter := newMeter(out)
	told := tally.New()
	o := s.send(ctx, plan, c, told, meter)
	if s.Audit && ctx.Err() == nil {
		o.Audit = audited(ctx, c, audit.Subject{
			Events: audit.Remade{Generator: workload.New(s.Seed)}, Unique: s.Events, Told: told, Workers: s.Concurrency,
		}, meter, o.Problems)
	}
	o.Interrupted = ctx.Err() != nil
	return o.finish(ctx, out.stdout, s.JSON)
}

// send publishes the plan and sums up what was told. The events are made by the client that sends them, on its own time.
func (s *simulate) send(ctx context.Context, plan workload.Plan, c *client.Client, told *tally.Tally, m *meter) outcome {
	m.Begin("send", plan.Sends())
	defer m.End()
	began, events := time.Now(), workload.New(s.Seed)
	err := (&sending[int]{
		batches: func(_ context.Context, deal func([]int) bool) { dealChunks(plan.All(), s.Batch, deal) },
		publish: func(ctx context.Context, indexes []int) client.Result {
			batch := make([]event.Event, len(indexes))
			for n, i := range indexes {
				batch[n] = events.Event(i)
			}
			return c.Publish(ctx, batch)
		},
		settled: func(indexes []int, res client.Result) {
			told.Add(indexes, res)
			m.Add(len(indexes))
		},
		tally: told, clients: s.Concurrency, rate: s.Rate,
	}).run(ctx)
	o := outcome{URL: s.URL, Seed: s.Seed, Report: told.Report(plan.Sends(), time.Since(began), "same seed, same ids; use --seed to send new ones")}
	if err != nil {
		o.Problems["stopped"] = err.Error()
	}
	return o
}

// dealChunks deals a sequence in slices of n, the last one shorter.
func dealChunks(order iter.Seq[int], n int, deal func([]int) bool) {
	chunk := make([]int, 0, n)
	for i := range order {
		if chunk = append(chunk, i); len(chunk) < n {
			continue
		}
		if !deal(chunk) {
			return
		}
		chunk = make([]int, 0, n)
	}
	if len(chunk) > 0 {
		deal(chunk)
	}
}
