package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ingot/bench/internal/load"
	"ingot/bench/internal/mix"
	"ingot/bench/internal/result"
	"ingot/bench/internal/rig"
	"ingot/bench/internal/truth"
)

// runDatabase is the fresh database of each round.
const runDatabase = "bench_run"

// trial is one round as it is set up and runs.
type trial struct {
	*house
	scenario
	window
	encoder  *mix.Encoder
	database string // "" when it is not known
	servers  []*rig.Server
	source   *mix.Source
	acks     *truth.Acks
	lastID   int64 // rows above it are this round's
	opened   rig.CPU
	cpu      rig.CPU
}

// round measures a scenario once, on a fresh database, and checks the truth.
func (h *house) round(ctx context.Context, s scenario, w window) (r result.Run, err error) {
	t := &trial{house: h, scenario: s, window: w}
	if t.encoder, err = mix.NewEncoder(s.Mix); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, t.tearDown(context.WithoutCancel(ctx))) }()
	if err := t.setUp(ctx); err != nil {
		return r, fmt.Errorf("set up: %w", err)
	}
	if r, err = t.measure(ctx); err != nil {
		return r, err
	}
	return r, t.check(ctx, &r)
}

// setUp brings the database and the ingesters up.
func (t *trial) setUp(ctx context.Context) (err error) {
	if t.given != nil {
		t.servers, t.database = []*rig.Server{t.given}, t.DatabaseURL
	} else if err := t.startOwn(ctx); err != nil {
		return err
	}
	first := 0
	if t.database != "" {
		if t.lastID, err = truth.LastID(ctx, t.database); err != nil {
			return err
		}
		// Every event that ever got here took an id: fresh ones begin above.
		first = int(t.lastID)
	}
	t.source, t.acks = mix.NewSource(t.Mix.Duplicates, first, 0), truth.NewAcks(first)
	return nil
}

func (t *trial) startOwn(ctx context.Context) (err error) {
	if t.database, err = t.cluster.Create(ctx, runDatabase); err != nil {
		return err
	}
	for range t.ingesters() {
		s, err := rig.StartIngester(ctx, t.binary, t.logs, t.database, t.Flags)
		if err != nil {
			return err
		}
		t.servers = append(t.servers, s)
	}
	return nil
}

// measure runs the load and reads the meters around it.
func (t *trial) measure(ctx context.Context) (result.Run, error) {
	before, err := rig.ReadStats(ctx, t.servers[0])
	if err != nil {
		return result.Run{}, err
	}
	watch := rig.StartWatch(ctx, t.servers)
	tally, err := t.closed().Run(ctx)
	samples := watch.Stop()
	if err != nil {
		return result.Run{}, fmt.Errorf("load: %w", err)
	}
	r := summary(tally)
	r.Samples, r.CPU, r.Memory = samples, t.cpu, rig.PeakMemory(t.servers)
	after, err := rig.ReadStats(ctx, t.servers[0])
	r.Mallocs = float64(after.MallocsTotal-before.MallocsTotal) / float64(max(1, tally.Total.Events()))
	r.Batch = meanBatch(samples)
	return r, err
}

func (t *trial) closed() *load.Closed {
	var addresses []string
	for _, s := range t.servers {
		addresses = append(addresses, s.Address)
	}
	return &load.Closed{
		Addresses: addresses, Connections: t.Connections, Array: t.Array,
		Warm: t.warm, Measure: t.window.measure,
		Encoder: t.encoder, Source: t.source, Ack: t.acks.Add,
		Open:  func() { t.opened = t.readCPU() },
		Close: func() { t.cpu = t.readCPU().Sub(t.opened) },
	}
}

func (t *trial) readCPU() rig.CPU {
	postmaster := 0
	if t.cluster != nil {
		postmaster = t.cluster.PID()
	}
	return rig.ReadCPU(t.servers, postmaster)
}

// summary is a tally as it is kept.
func summary(t *load.Tally) result.Run {
	return result.Run{
		Requests: t.Rate(t.Measured.Requests), Events: t.Rate(t.Measured.Events()), Seconds: t.Elapsed.Seconds(),
		Counts: t.Total, Failures: t.Failures, Latency: latency(t.Latency),
	}
}

// curveShares are the points of a distribution that are kept, tail first in mind.
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

// meanBatch is over the whole run: all that was received, by all batches.
func meanBatch(samples []rig.Sample) float64 {
	if len(samples) < 2 {
		return 0
	}
	first, last := samples[0], samples[len(samples)-1]
	return float64(last.Received-first.Received) / float64(max(1, last.Batches-first.Batches))
}

// check stops the ingesters, so that nothing is under way, and counts.
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

func (t *trial) stop() (err error) {
	for _, s := range t.servers {
		err = errors.Join(err, s.Stop())
	}
	return err
}

func (t *trial) tearDown(ctx context.Context) error {
	err := t.stop()
	if t.given == nil && !t.keeps() {
		err = errors.Join(err, t.cluster.Drop(ctx, runDatabase))
	}
	return err
}
