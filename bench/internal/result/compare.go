package result

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"ingot/bench/internal/statistics"
)

// Change is one figure of two results.
type Change struct {
	Scenario, Figure string
	Old, New         float64 // medians
	Worse            bool    // by its direction alone, even if it is noise
	statistics.Difference
}

// Compare holds two results against each other, scenario by scenario. Where a scenario has ratios to limits in both the
// ratios are compared, not the figure: the machine may have been twice as fast on the other day. A scenario that
// is broken in either has no figure.
func Compare(old, new *Result) (changes []Change) {
	for i := range new.Scenarios {
		n := &new.Scenarios[i]
		o := old.Find(n.Name)
		if o == nil || len(o.Rounds) == 0 || len(n.Rounds) == 0 || o.Broken() != "" || n.Broken() != "" {
			continue
		}
		ratios := compareRatios(o, n)
		if len(ratios) == 0 {
			ratios = []Change{change(n.Name, string(Events), false, Each(o.Rounds, events), Each(n.Rounds, events))}
		}
		changes = append(changes, ratios...)
	}
	return changes
}

// compareRatios compares those that both have values of: a run with --url and without --database-url has not all limits.
func compareRatios(o, n *Scenario) (changes []Change) {
	for _, ratio := range n.Ratios {
		same := func(r Ratio) bool { return r.Figure == ratio.Figure && r.Limit == ratio.Limit } // its goal may have been set anew
		before, after := ratio.Over(o.Rounds), ratio.Over(n.Rounds)
		if slices.ContainsFunc(o.Ratios, same) && len(before) > 0 && len(after) > 0 {
			changes = append(changes, change(n.Name, ratio.Label(), ratio.LowerIsBetter(), before, after))
		}
	}
	return changes
}

func change(scenario, figure string, lowerIsBetter bool, old, new []float64) Change {
	c := Change{Scenario: scenario, Figure: figure, Old: statistics.Median(old), New: statistics.Median(new), Difference: statistics.Compare(old, new)}
	c.Worse = c.Change < 0 != lowerIsBetter
	return c
}

// Verdict says in words what a change is.
func (c Change) Verdict() string {
	switch {
	case c.TooFew:
		return "too few rounds to tell"
	case !c.Different:
		return "within noise"
	case c.Worse:
		return "WORSE"
	}
	return "better"
}

// PrintChanges prints a line a change, and returns how many are worse by more than noise.
func PrintChanges(out io.Writer, changes []Change) (worse int) {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "scenario\tfigure\told\tnew\tchange\tchance\tverdict\t")
	for _, c := range changes {
		fmt.Fprintf(t, "%s\t%s\t%.4g\t%.4g\t%+.1f%%\t%.3f\t%s\t\n", c.Scenario, c.Figure, c.Old, c.New, 100*c.Change, c.PValue, c.Verdict())
		if c.Different && c.Worse {
			worse++
		}
	}
	t.Flush()
	return worse
}
