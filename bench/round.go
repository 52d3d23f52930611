package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ingot/bench/internal/load"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/monitor"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/bench/internal/truth"
)

// round measures a scenario once, on a fresh database or on its copy of a full one, and
// checks the truth.
func (h *house) round(ctx context.Context, s scenario.Scenario, w window) (r result.Run, err error) {
	if s.Lasts > 0 {
		w.measure = s.Lasts
	}
	t, err := h.begin(ctx, s, w)
	defer func() { err = errors.Join(err, t.tearDown(context.WithoutCancel(ctx))) }()
	if err != nil {
		return r, err
	}
	before, err := t.settle(ctx)
	if err != nil {
		return r, err
	}
	if r, err = t.measure(ctx); err != nil {
		return r, err
	}
	r.Counts.Add(before) // the truth check is about both loads
	return r, t.check(ctx, &r)
}

// begin sets a trial up. Its caller has to call tearDown, after an error as well.
func (h *house) begin(ctx context.Context, s scenario.Scenario, w window) (t *trial, err error) {
	t = &trial{house: h, Scenario: s, window: w}
	if t.encoder, err = mix.NewEncoder(s.Mix); err != nil {
		return t, err
	}
	if err := t.setUp(ctx); err != nil {
		return t, fmt.Errorf("set up: %w", err)
	}
	return t, nil
}

// measure runs the load and reads the meters around it.
func (t *trial) measure(ctx context.Context) (result.Run, error) {
	before, err := monitor.Mallocs(ctx, t.servers[0].Debug)
	if err != nil {
		return result.Run{}, err
	}
	r, err := t.watched(ctx)
	if err == nil && r.Events == 0 {
		err = nothingSettled(r, t.window.measure)
	}
	if err != nil {
		return r, fmt.Errorf("load: %w", err)
	}
	r.Memory, r.Batch = monitor.PeakMemory(t.pids()), meanBatch(r.Samples)
	after, err := monitor.Mallocs(ctx, t.servers[0].Debug)
	// If there are several ingesters, this one served its share of the connections, so its count stands for each of them.
	r.Mallocs = float64(after-before) * float64(len(t.servers)) / float64(max(1, r.Counts.Events()))
	return r, err
}

// watched runs the load, and beside it whatever else is wanted: samples of /stats, readers, a profile.
func (t *trial) watched(ctx context.Context) (result.Run, error) {
	readers := load.Readers{Address: t.servers[0].Address, Count: t.Readers}
	sampler := monitor.StartSampler(ctx, t.addresses())
	readers.Start(ctx)
	begin := time.Now()
	var r result.Run
	var err error
	if t.OpenLoop() {
		r, err = t.rise(ctx) // with a profile of each step
	} else {
		r, err = t.profiled(ctx, t.Name, t.drive)
	}
	pages, failed := readers.Stop()
	r.Pages = float64(pages) / time.Since(begin).Seconds()
	r.Samples = sampler.Stop()
	return r, errors.Join(err, failed)
}

// drive runs the load, closed or open.
func (t *trial) drive(ctx context.Context) (result.Run, error) {
	if t.OpenLoop() {
		return t.rise(ctx)
	}
	closed := load.Closed{
		Addresses: t.addresses(), Connections: t.Connections, Array: t.Array,
		Warm: t.warm, Measure: t.window.measure,
		Encoder: t.encoder, Source: t.source, Ack: t.acks.Add,
		Open: t.openWindow, Close: t.closeWindow,
	}
	tally, err := closed.Run(ctx)
	if tally == nil {
		return result.Run{}, err
	}
	return t.summary(tally), err
}

func (t *trial) addresses() (all []string) {
	for _, s := range t.servers {
		all = append(all, s.Address)
	}
	return all
}

func (t *trial) pids() (all []int) {
	for _, s := range t.servers {
		all = append(all, s.PID())
	}
	return all
}

func (t *trial) openWindow() { t.opened = t.readCPU() }

func (t *trial) closeWindow() { t.cpu = t.readCPU().Sub(t.opened) }

func (t *trial) readCPU() monitor.CPU {
	postmaster := 0
	if t.cluster != nil {
		postmaster = t.cluster.PID()
	}
	return monitor.ReadCPU(t.pids(), postmaster)
}

// summary is a tally in the form that a result keeps.
func (t *trial) summary(tally *load.Tally) result.Run {
	return result.Run{
		Requests: tally.Rate(tally.Measured.Requests), Events: tally.Rate(tally.Measured.Events()),
		Seconds: tally.Elapsed.Seconds(), CPU: t.cpu,
		Counts: tally.Total, Failures: tally.Failures, Latency: latency(tally.Latency),
	}
}

// curveShares are the points of a distribution that are kept: more of them towards
// the tail.
func curveShares() []float64 {
	return []float64{0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1}
}

func latency(h *hdrhistogram.Histogram) result.Latency {
	at := func(share float64) int64 { return h.ValueAtQuantile(100 * share) }
	l := result.Latency{P50: at(0.5), P99: at(0.99), P999: at(0.999), Max: h.Max()}
	for _, share := range curveShares() {
		l.Curve = append(l.Curve, result.Point{Share: share, Micros: at(share)})
	}
	return l
}

// meanBatch is the mean size of a batch over the whole run: all events received, divided by all batches.
func meanBatch(samples []monitor.Sample) float64 {
	if len(samples) < 2 {
		return 0
	}
	first, last := samples[0], samples[len(samples)-1]
	return float64(last.Received-first.Received) / float64(max(1, last.Batches-first.Batches))
}

// check stops the ingesters, so that nothing is under way, and then checks the truth.
func (t *trial) check(ctx context.Context, r *result.Run) error {
	if t.database == "" {
		r.Unchecked = errNoDatabase.Error()
		return nil
	}
	if err := t.stop(); err != nil {
		return err
	}
	var err error
	r.Truth, err = truth.Check(ctx, t.database, t.encoder, t.acks.All(), t.lastID)
	r.Truth.Stored, r.Truth.Unknown = r.Counts.Stored, r.Counts.Failed
	return err
}
