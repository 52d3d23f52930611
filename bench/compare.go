package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"ingot/bench/internal/result"
)

type compareCommand struct {
	Old string `arg:"" help:"Result (JSON) before the change."`
	New string `arg:"" help:"Result after it."`
}

// errWorse makes the exit code 1.
var errWorse = errors.New("worse by more than noise")

func (c *compareCommand) Run(s output) error {
	old, err := readDocument(c.Old)
	if err != nil {
		return err
	}
	new, err := readDocument(c.New)
	if err != nil {
		return err
	}
	if old.kind() != new.kind() {
		return fmt.Errorf("%s is a result of bench %s, %s one of bench %s: only two of the same kind can be compared", c.Old, old.kind(), c.New, new.kind())
	}
	for _, r := range []*document{old, new} {
		fmt.Fprintf(s.stdout, "%s  commit %s, %s, %d cores: %s\n", r.Started.Format("2006-01-02 15:04"), r.Commit, r.Machine.Processor, r.Machine.Cores, r.Command)
	}
	if new.kind() != "run" {
		return compareFigures(s.stdout, old, new)
	}
	return compareRuns(s, &old.Reads.Result, &new.Reads.Result)
}

// document is a result of any kind: of bench run, reads or streams.
type document struct {
	result.Reads
	Runs []result.StreamsRun `json:"runs"`
}

func readDocument(path string) (*document, error) {
	var d document
	if err := result.ReadJSON(path, &d); err != nil {
		return nil, err
	}
	if err := d.Beside.Truth.Err(); err != nil {
		return nil, fmt.Errorf("%s has no figures: %w", path, err)
	}
	return &d, nil
}

// kind is the command that a result is of.
func (d *document) kind() string {
	switch {
	case len(d.Kinds) > 0:
		return "reads"
	case len(d.Runs) > 0:
		return "streams"
	}
	return "run"
}

// brokenScenarios says which scenarios are left out because they did not hold.
func brokenScenarios(which string, r *result.Result) (err error) {
	for i := range r.Scenarios {
		if why := r.Scenarios[i].Broken(); why != "" {
			err = errors.Join(err, fmt.Errorf("%s has no figure in the %s result: %s", r.Scenarios[i].Name, which, why))
		}
	}
	return err
}

// compareRuns compares scenario by scenario, by ranks over the rounds.
func compareRuns(s output, old, new *result.Result) error {
	broken := errors.Join(brokenScenarios("old", old), brokenScenarios("new", new))
	changes := result.Compare(old, new)
	if len(changes) == 0 {
		return cmp.Or(broken, errors.New("the two results have no scenario in common"))
	}
	if worse := result.PrintChanges(s.stdout, changes); worse > 0 {
		return errors.Join(broken, fmt.Errorf("%d of %d figures: %w", worse, len(changes), errWorse))
	}
	return broken
}

// figure is what one line of bench reads or bench streams says. It was measured once, so that no test can tell whether another
// value of it is noise.
type figure struct {
	line, name string
	value      float64
}

// figures are those of bench reads and bench streams.
func (d *document) figures() (all []figure) {
	add := func(line, name string, value float64) { all = append(all, figure{line, name, value}) }
	millis := func(micros int64) float64 { return float64(micros) / 1000 }
	if d.kind() == "reads" {
		add("table", "rows", float64(d.Rows))
		add("table", "topics", float64(d.Topics))
		add("written", "top events/s", d.Top)
		add("written", "events/s meanwhile", d.Beside.Events)
	}
	for _, f := range d.Kinds {
		add(f.Name, "p50 ms", millis(f.P50))
		add(f.Name, "p99 ms", millis(f.P99))
		add(f.Name, "max ms", millis(f.Max))
	}
	for _, u := range d.Runs {
		line := fmt.Sprintf("%d streams of %d topics, %d stopped, %d events/s", u.Streams, u.Topics, u.Stopped, u.Asked)
		add(line, "p50 ms", millis(u.P50))
		add(line, "p99 ms", millis(u.P99))
	}
	return all
}

// compareFigures shows what two results have in common side by side.
func compareFigures(out io.Writer, old, new *document) error {
	before := map[[2]string]float64{}
	for _, f := range old.figures() {
		before[[2]string{f.line, f.name}] = f.value
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\tfigure\told\tnew\tratio\t\n", new.kind())
	common := false
	for _, f := range new.figures() {
		if v, ok := before[[2]string{f.line, f.name}]; ok {
			common = true
			fmt.Fprintf(t, "%s\t%s\t%.2f\t%.2f\t%s\t\n", f.line, f.name, v, f.value, ratio(v, f.value))
		}
	}
	if !common {
		return errors.New("the two results have no figure in common: measure both with the same flags")
	}
	t.Flush()
	fmt.Fprintf(out, "each was measured only once, which says nothing about noise: run both again to see how much one build differs from itself\n")
	return nil
}

func ratio(old, new float64) string {
	if old == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", new/old)
}
