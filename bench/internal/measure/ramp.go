package measure

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

// ramp runs the open loop at each rate in turn, until the ingester no longer keeps
// up. The figures are those of the last rate it kept up with, or of the only one.
func (r *round) ramp(ctx context.Context) (best result.Measurement, err error) {
	var counts load.Counts
	failures := map[string]int{}
	var steps []result.Step
	for i, rate := range r.scenario.Rates {
		name := r.scenario.Name
		if len(r.scenario.Rates) > 1 {
			name = fmt.Sprintf("%s-%d", r.scenario.Name, rate)
		}
		m, err := r.profiled(ctx, name, func(ctx context.Context) (result.Measurement, error) { return r.loadAt(ctx, rate) })
		if err != nil {
			return best, err
		}
		counts.Add(m.Counts)
		for what, n := range m.Failures {
			failures[what] += n
		}
		steps = append(steps, result.Step{Asked: m.Asked, Achieved: m.Requests, P50: m.Latency.P50, P99: m.Latency.P99, Client: m.Share(m.CPU.Client)})
		up := m.Requests >= keepsUpRate*m.Asked && time.Duration(m.Latency.P99)*time.Microsecond <= keepsUpLatency
		if up || i == 0 {
			best = m
		}
		if !up {
			break
		}
	}
	if len(r.scenario.Rates) > 1 {
		best.Steps = steps
	}
	best.Counts, best.Failures = counts, failures // the truth check is about all steps together
	return best, nil
}

// loadAt runs the open loop at one rate.
func (r *round) loadAt(ctx context.Context, rate int) (result.Measurement, error) {
	tally, err := r.newLoad().OpenLoop(ctx, rate)
	if err != nil {
		return result.Measurement{}, err
	}
	m := r.summary(tally)
	m.Asked = float64(rate)
	return m, nil
}
