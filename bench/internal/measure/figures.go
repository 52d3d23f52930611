package measure

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ingot/bench/internal/load"
	"ingot/bench/internal/monitor"
	"ingot/bench/internal/result"
)

// summary is a tally in the form that a result keeps.
func (r *round) summary(tally *load.Tally) result.Measurement {
	return result.Measurement{
		Requests: tally.Rate(tally.Measured.Requests), Events: tally.Rate(tally.Measured.Events()),
		Seconds: tally.Elapsed.Seconds(), CPU: r.cpu,
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

// meanBatch is the mean size of a batch over the whole round: all events received, divided by all batches.
func meanBatch(samples []monitor.Sample) float64 {
	if len(samples) < 2 {
		return 0
	}
	first, last := samples[0], samples[len(samples)-1]
	return float64(last.Received-first.Received) / float64(max(1, last.Batches-first.Batches))
}

// nothingSettled says why a window has no figure: what went wrong most often, or that it was too short. It is nil if it has one.
func nothingSettled(m result.Measurement, window time.Duration) error {
	worst, times := result.Worst(m.Failures)
	switch {
	case m.Events > 0:
		return nil
	case times > 0:
		return fmt.Errorf("no event was settled in %s; %d times: %s", window, times, worst)
	case m.Counts.Refused > 0:
		return fmt.Errorf("no event was settled in %s: %d were refused", window, m.Counts.Refused)
	}
	return fmt.Errorf("nothing was answered in %s: use a longer --measure", window)
}
