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
		for _, note := range s.Notes() {
			fmt.Fprintf(out, "%s: %s\n", s.Name, note)
		}
	}
}

// column is one of the table: its heading, and what its cell says of a scenario.
type column struct {
	heading string
	cell    func(s *Scenario) string
}

func columns() []column {
	return []column{
		{"scenario", func(s *Scenario) string { return s.Name }},
		{"asked/s", median(count, func(m Measurement) float64 { return m.Asked })},
		{"requests/s", median(count, func(m Measurement) float64 { return m.Requests })},
		{"events/s", median(count, events)},
		{"±", func(s *Scenario) string { return percent(statistics.Summarize(Each(s.Rounds, events)).Spread()) }},
		{"refused", median(some, func(m Measurement) float64 { return m.refused() })},
		{"p50 ms", median(millis, func(m Measurement) float64 { return float64(m.Latency.P50) })},
		{"p99 ms", median(millis, func(m Measurement) float64 { return float64(m.Latency.P99) })},
		{"p99.9 ms", median(millis, func(m Measurement) float64 { return float64(m.Latency.P999) })},
		{"batch", median(count, func(m Measurement) float64 { return m.Batch })},
		{"CPU client", median(percent, func(m Measurement) float64 { return m.Share(m.CPU.Client) })},
		{"ingester", median(percent, func(m Measurement) float64 { return m.Share(m.CPU.Ingester) })},
		{"Postgres", median(percent, func(m Measurement) float64 { return m.Share(m.CPU.Postgres) })},
		{"RSS MB", median(count, func(m Measurement) float64 { return float64(m.Memory) / (1 << 20) })},
		{"mallocs", median(few, func(m Measurement) float64 { return m.Mallocs })},
		{"truth", (*Scenario).truth},
	}
}

func events(m Measurement) float64 { return m.Events }

// median is a cell with the median of a figure over the rounds.
func median(format func(float64) string, figure func(Measurement) float64) func(*Scenario) string {
	return func(s *Scenario) string { return format(statistics.Median(Each(s.Rounds, figure))) }
}

// Headings are those of Cells.
func Headings() (all []string) {
	for _, c := range columns() {
		all = append(all, c.heading)
	}
	return all
}

// Cells are the figures of a scenario. If it is broken they are empty, but for the name and the truth.
func (s *Scenario) Cells() (all []string) {
	for _, c := range columns() {
		cell := ""
		if s.Broken() == "" || c.heading == "scenario" || c.heading == "truth" {
			cell = c.cell(s)
		}
		all = append(all, cell)
	}
	return all
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

func count(v float64) string { return unlessZero("%.0f", v) }

func few(v float64) string { return unlessZero("%.1f", v) }

// some writes a share.
func some(v float64) string { return unlessZero("%.0f%%", 100*v) }

// unlessZero writes nothing of a figure that is 0 or not known.
func unlessZero(format string, v float64) string {
	if v == 0 || math.IsNaN(v) {
		return ""
	}
	return fmt.Sprintf(format, v)
}

func percent(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return ""
	}
	return fmt.Sprintf("%.0f%%", v*100)
}

func millis(micros float64) string { return fmt.Sprintf("%.2f", micros/1000) }
