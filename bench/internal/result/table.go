package result

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"ingot/bench/internal/statistics"
)

// Table prints a line a scenario: medians over the rounds, ± half their spread.
func (r *Result) Table(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, strings.Join(Headings(), "\t")+"\t")
	for i := range r.Scenarios {
		if s := &r.Scenarios[i]; len(s.Rounds) > 0 {
			fmt.Fprintln(t, strings.Join(s.Cells(), "\t")+"\t")
		}
	}
	t.Flush()
	r.ratioTable(out)
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		if s.Skipped != "" {
			fmt.Fprintf(out, "%s: left out: %s\n", s.Name, s.Skipped)
		}
		if why := s.Broken(); why != "" {
			fmt.Fprintf(out, "%s: %s\n", s.Name, why)
		}
		if wrong := s.WentWrong(); wrong != "" {
			fmt.Fprintf(out, "%s: %s\n", s.Name, wrong)
		}
	}
}

// Headings are those of Cells.
func Headings() []string {
	return []string{"scenario", "asked/s", "requests/s", "events/s", "±", "refused", "p50 ms", "p99 ms", "p99.9 ms", "batch", "CPU client", "ingester", "Postgres", "RSS MB", "mallocs", "truth"}
}

// Cells are the figures of a scenario: medians over its rounds. They are empty if it is broken.
func (s *Scenario) Cells() []string {
	if s.Broken() != "" {
		cells := make([]string, len(Headings()))
		cells[0], cells[len(cells)-1] = s.Name, s.truth()
		return cells
	}
	events := statistics.Summarize(Each(s.Rounds, func(m Measurement) float64 { return m.Events }))
	median := func(figure func(Measurement) float64) float64 { return statistics.Median(Each(s.Rounds, figure)) }
	return []string{
		s.Name,
		count(median(func(m Measurement) float64 { return m.Asked })),
		count(median(func(m Measurement) float64 { return m.Requests })),
		count(events.Median),
		percent(events.Spread()),
		some(median(func(m Measurement) float64 { return m.refused() })),
		millis(median(func(m Measurement) float64 { return float64(m.Latency.P50) })),
		millis(median(func(m Measurement) float64 { return float64(m.Latency.P99) })),
		millis(median(func(m Measurement) float64 { return float64(m.Latency.P999) })),
		count(median(func(m Measurement) float64 { return m.Batch })),
		percent(median(func(m Measurement) float64 { return m.Share(m.CPU.Client) })),
		percent(median(func(m Measurement) float64 { return m.Share(m.CPU.Ingester) })),
		percent(median(func(m Measurement) float64 { return m.Share(m.CPU.Postgres) })),
		count(median(func(m Measurement) float64 { return float64(m.Memory) / (1 << 20) })),
		few(median(func(m Measurement) float64 { return m.Mallocs })),
		s.truth(),
	}
}

func (s *Scenario) truth() string {
	switch {
	case s.Broken() != "":
		return "BROKEN"
	case s.Rounds[0].Unchecked != "":
		return "unchecked"
	}
	return "holds"
}

// ratioTable prints a line a ratio.
func (r *Result) ratioTable(out io.Writer) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\nscenario\tratio\tmedian\tleast\tmost\tlimit/s\tgoal\t")
	any := false
	for i := range r.Scenarios {
		s := &r.Scenarios[i]
		for _, ratio := range s.Shown() {
			if values := ratio.Over(s.Rounds); len(values) > 0 {
				any = true
				fmt.Fprintln(t, ratio.row(s, statistics.Summarize(values)))
			}
		}
	}
	if any {
		t.Flush()
		fmt.Fprintln(out)
	}
}

func (r Ratio) row(s *Scenario, v statistics.Summary) string {
	limits := make([]float64, 0, len(s.Rounds))
	for _, round := range s.Rounds {
		sides := round.Limits[r.Limit]
		limits = append(limits, (sides[0]+sides[1])/2)
	}
	return fmt.Sprintf("%s\t%s\t%.2f\t%.2f\t%.2f\t%s\t%s\t", s.Name, r.Label(), v.Median, v.Least, v.Most,
		count(statistics.Median(limits)), r.goal(s.Rounds))
}

func (r Ratio) goal(rounds []Round) string {
	if r.Goal == 0 {
		return ""
	}
	sign, met := "≥", "reached"
	if r.LowerIsBetter() {
		sign = "≤"
	}
	if !r.Reached(rounds) {
		met = "not reached"
	}
	return fmt.Sprintf("%s %.4g %s", sign, r.Goal, met)
}

// refused is the share of all events that were refused.
func (m Measurement) refused() float64 {
	c := m.Counts
	return float64(c.Refused) / float64(max(1, c.Events()+c.Refused+c.Failed))
}

// Share is CPU time as a share of one core over the window.
func (m Measurement) Share(d time.Duration) float64 { return d.Seconds() / m.Seconds }

func count(v float64) string {
	if v == 0 || math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf("%.0f", v)
}

func few(v float64) string {
	if v == 0 || math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf("%.1f", v)
}

// some writes a share, and nothing if it is 0.
func some(v float64) string {
	if v == 0 {
		return ""
	}
	return percent(v)
}

func percent(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return ""
	}
	return fmt.Sprintf("%.0f%%", v*100)
}

func millis(micros float64) string { return fmt.Sprintf("%.2f", micros/1000) }
