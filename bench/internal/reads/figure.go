package reads

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// Figure is what the reads of one kind came to; times are in microseconds.
type Figure struct {
	Name  string  `json:"name"`
	Count int     `json:"count"`
	Short int     `json:"short,omitempty"` // pages with less than their limit
	P50   int64   `json:"p50"`
	P99   int64   `json:"p99"`
	Max   int64   `json:"max"`
	Share float64 `json:"share"` // which of them is held against the goal: 0.5, 0.99 or 1
	Goal  int64   `json:"goal"`  // below this; 0: no goal
}

// figure sums up the times of a kind. In order of size, the share s of n times is at most the n*s-th of them.
func (k *kind) figure() Figure {
	took := slices.Sorted(slices.Values(k.took))
	at := func(share float64) int64 { return took[max(0, int(share*float64(len(took))+0.9999)-1)].Microseconds() }
	return Figure{
		Name: k.name, Count: len(took), Short: k.short, P50: at(0.5), P99: at(0.99), Max: at(1),
		Share: k.share, Goal: k.goal.Microseconds(),
	}
}

// Reached tells whether the goal is reached.
func (f *Figure) Reached() bool {
	return f.Goal == 0 || map[float64]int64{0.5: f.P50, 0.99: f.P99, 1: f.Max}[f.Share] < f.Goal
}

func (f *Figure) goal() string {
	if f.Goal == 0 {
		return ""
	}
	name := map[float64]string{0.5: "median", 0.99: "p99", 1: "max"}[f.Share]
	verdict := "reached"
	if !f.Reached() {
		verdict = "not reached"
	}
	return fmt.Sprintf("%s < %d ms %s", name, f.Goal/1000, verdict)
}

// Table prints a line a kind.
func Table(out io.Writer, figures []Figure) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "read\tcount\tshort\tp50 ms\tp99 ms\tmax ms\tgoal\t")
	for _, f := range figures {
		millis := func(micros int64) string { return fmt.Sprintf("%.2f", float64(micros)/1000) }
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t%s\t%s\t\n", f.Name, f.Count, f.Short, millis(f.P50), millis(f.P99), millis(f.Max), f.goal())
	}
	t.Flush()
}
