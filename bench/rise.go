package main

import (
	"context"
	"fmt"
	"time"

	"ingot/bench/internal/load"
	"ingot/bench/internal/result"
)

// An ingester keeps up with a rate while it answers nearly as many requests as are
// sent, and soon. Both numbers are guesses: past the knee either is missed at once.
const (
	keepsUpRate    = 0.97
	keepsUpLatency = 100 * time.Millisecond // p99
)

// rise runs the open loop at each rate in turn, until the ingester no longer keeps
// up. The figures are those of the last rate it kept up with, or of the only one.
func (t *trial) rise(ctx context.Context) (best result.Run, err error) {
	var counts load.Counts
	failures := map[string]int{}
	var steps []result.Step
	for i, rate := range t.Rates {
		name := t.Name
		if len(t.Rates) > 1 {
			name = fmt.Sprintf("%s-%d", t.Name, rate)
		}
		r, err := t.profiled(ctx, name, func(ctx context.Context) (result.Run, error) { return t.attack(ctx, rate) })
		if err != nil {
			return best, err
		}
		counts.Add(r.Counts)
		for what, n := range r.Failures {
			failures[what] += n
		}
		steps = append(steps, result.Step{Asked: r.Asked, Achieved: r.Requests, P50: r.Latency.P50, P99: r.Latency.P99, Client: r.Share(r.CPU.Client)})
		up := r.Requests >= keepsUpRate*r.Asked && time.Duration(r.Latency.P99)*time.Microsecond <= keepsUpLatency
		if up || i == 0 {
			best = r
		}
		if !up {
			break
		}
	}
	if len(t.Rates) > 1 {
		best.Steps = steps
	}
	best.Counts, best.Failures = counts, failures // the truth check is about all steps together
	return best, nil
}

func (t *trial) attack(ctx context.Context, rate int) (result.Run, error) {
	open := load.Open{
		Address: t.servers[0].Address, Rate: rate, Array: t.Array,
		Warm: t.warm, Measure: t.window.measure,
		Encoder: t.encoder, Source: t.source, Ack: t.acks.Add,
		Open: t.openWindow, Close: t.closeWindow,
	}
	tally, err := open.Run(ctx)
	if err != nil {
		return result.Run{}, err
	}
	r := t.summary(tally)
	r.Asked = float64(rate)
	return r, nil
}
