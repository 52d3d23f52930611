package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"ingot/bench/internal/result"
)

// document is a result of any kind: of bench run, reads or streams.
type document struct {
	readsResult
	Runs []streamsRun `json:"runs"`
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
	case len(d.Reads) > 0:
		return "reads"
	case len(d.Runs) > 0:
		return "streams"
	}
	return "run"
}

// once is a figure that was measured once, so that no test can tell whether another value of it is noise.
type once struct {
	of, figure string
	value      float64
}

// once are the figures of bench reads and bench streams.
func (d *document) once() (all []once) {
	add := func(of, figure string, value float64) { all = append(all, once{of, figure, value}) }
	millis := func(micros int64) float64 { return float64(micros) / 1000 }
	if d.kind() == "reads" {
		add("table", "rows", float64(d.Rows))
		add("table", "topics", float64(d.Topics))
		add("written", "top events/s", d.Top)
		add("written", "events/s meanwhile", d.Beside.Events)
	}
	for _, f := range d.Reads {
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

// compareOnce shows what two results have in common side by side.
func compareOnce(out io.Writer, old, new *document) error {
	before := map[[2]string]float64{}
	for _, f := range old.once() {
		before[[2]string{f.of, f.figure}] = f.value
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\tfigure\told\tnew\tratio\t\n", new.kind())
	common := false
	for _, f := range new.once() {
		if v, ok := before[[2]string{f.of, f.figure}]; ok {
			common = true
			fmt.Fprintf(t, "%s\t%s\t%.2f\t%.2f\t%s\t\n", f.of, f.figure, v, f.value, ratio(v, f.value))
		}
	}
	if !common {
		return errors.New("the two results have no line in common: measure both with the same flags")
	}
	t.Flush()
	fmt.Fprintf(out, "each was measured once, and one run tells nothing of noise: run both again, and see how far a build is from itself\n")
	return nil
}

func ratio(old, new float64) string {
	if old == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", new/old)
}
