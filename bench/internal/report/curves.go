package report

import (
	"cmp"
	"fmt"
	"html/template"
	"math"
	"slices"

	"ingot/bench/internal/monitor"
	"ingot/bench/internal/result"
)

// curves are the charts of a scenario.
func curves(s *result.Scenario) []template.HTML {
	if len(s.Rounds) == 0 {
		return nil
	}
	charts := []template.HTML{
		overTime(s, "events a second", func(a, b monitor.Sample) (float64, bool) {
			return float64(b.Received-a.Received) / (b.At - a.At).Seconds(), true
		}),
		overTime(s, "events a batch", func(a, b monitor.Sample) (float64, bool) {
			n := b.Batches - a.Batches
			return float64(b.Received-a.Received) / float64(max(1, n)), n > 0
		}),
		latencies(s),
	}
	if len(s.Rounds[0].Steps) > 0 {
		charts = append(charts, knee(s))
	}
	return charts
}

// middle is the index of the round with the median figure, which is drawn strong.
func middle(rounds []result.Round, figure func(result.Measurement) float64) int {
	order := make([]int, len(rounds))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(figure(rounds[a].Measurement), figure(rounds[b].Measurement))
	})
	return order[(len(order)-1)/2]
}

// overTime draws what happened between each two samples of /stats, a line a round.
func overTime(s *result.Scenario, title string, between func(a, b monitor.Sample) (float64, bool)) template.HTML {
	c := chart{title: title, xName: "seconds"}
	strong := middle(s.Rounds, func(r result.Measurement) float64 { return r.Events })
	for i, round := range s.Rounds {
		line := series{strong: i == strong}
		samples := round.Samples
		for k := 1; k < len(samples); k++ {
			v, ok := between(samples[k-1], samples[k])
			if !ok {
				continue
			}
			p := point{x: samples[k].At.Seconds(), y: v}
			if line.strong {
				p.label = fmt.Sprintf("%.2f s: %s %s", p.x, short(math.Round(v)), title)
			}
			line.points = append(line.points, p)
		}
		c.series = append(c.series, line)
	}
	c.linearAxes(5, 4)
	return c.svg()
}

// nines is the x of a share: 0.9 is 1, 0.99 is 2. The tail gets as much room as
// the middle.
func nines(share float64) float64 { return min(-math.Log10(1-share), 4.3) }

// latencies draws the distribution: which share of the requests took at most how long.
func latencies(s *result.Scenario) template.HTML {
	c := chart{title: "latency, milliseconds", xName: "share of requests", yLog: true}
	c.xTicks = []tick{{0, ""}} // the axis begins here, but the mark of 50 % is too near for another
	for _, share := range []float64{0.5, 0.9, 0.99, 0.999, 0.9999} {
		c.xTicks = append(c.xTicks, tick{nines(share), fmt.Sprintf("%g%%", share*100)})
	}
	strong := middle(s.Rounds, func(r result.Measurement) float64 { return float64(r.Latency.P99) })
	least, largest := math.Inf(1), 0.0
	for i, round := range s.Rounds {
		line := series{strong: i == strong}
		for _, q := range round.Latency.Curve {
			if q.Share > 0.9999 || q.Micros == 0 {
				continue
			}
			p := point{x: nines(q.Share), y: float64(q.Micros) / 1000}
			if line.strong {
				p.label = fmt.Sprintf("%g %% within %.2f ms", q.Share*100, p.y)
			}
			line.points = append(line.points, p)
			least, largest = min(least, p.y), max(largest, p.y)
		}
		c.series = append(c.series, line)
	}
	if largest > 0 {
		c.yTicks = logTicks(least, largest)
	}
	return c.svg()
}

// knee draws the rate achieved over the rate asked.
func knee(s *result.Scenario) template.HTML {
	c := chart{title: "requests a second achieved", xName: "asked"}
	for i, round := range s.Rounds {
		line := series{strong: i == 0}
		for _, step := range round.Steps {
			label := fmt.Sprintf("asked %.0f, achieved %.0f, p99 %.1f ms, client %.2f cores", step.Asked, step.Achieved, float64(step.P99)/1000, step.Client)
			line.points = append(line.points, point{step.Asked, step.Achieved, label})
		}
		c.series = append(c.series, line)
	}
	c.linearAxes(4, 4)
	return c.svg()
}
