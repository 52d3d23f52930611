package main

import (
	"cmp"
	"errors"
	"fmt"

	"ingot/bench/internal/result"
)

type compareCommand struct {
	Old string `arg:"" help:"Result (JSON) from before."`
	New string `arg:"" help:"Result from after."`
}

// errWorse makes the exit code 1.
var errWorse = errors.New("worse by more than noise")

// Run implements kong's interface.
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
		return fmt.Errorf("%s is of bench %s, %s of bench %s: only two of one kind can be compared", c.Old, old.kind(), c.New, new.kind())
	}
	for _, r := range []*document{old, new} {
		fmt.Fprintf(s.stdout, "%s  commit %s, %s, %d cores: %s\n", r.Started.Format("2006-01-02 15:04"), r.Commit, r.Machine.Processor, r.Machine.Cores, r.Command)
	}
	if new.kind() != "run" {
		return compareOnce(s.stdout, old, new)
	}
	return compareRuns(s, &old.Result, &new.Result)
}

// noFigures says which scenarios are left out because they did not hold.
func noFigures(which string, r *result.Result) (err error) {
	for i := range r.Scenarios {
		if why := r.Scenarios[i].Broken(); why != "" {
			err = errors.Join(err, fmt.Errorf("%s has no figure in the %s result: %s", r.Scenarios[i].Name, which, why))
		}
	}
	return err
}

// compareRuns compares scenario by scenario, by ranks over the rounds.
func compareRuns(s output, old, new *result.Result) error {
	untrue := errors.Join(noFigures("old", old), noFigures("new", new))
	changes := result.Compare(old, new)
	if len(changes) == 0 {
		return cmp.Or(untrue, errors.New("the two results have no scenario in common"))
	}
	if worse := result.PrintChanges(s.stdout, changes); worse > 0 {
		return errors.Join(untrue, fmt.Errorf("%d of %d figures: %w", worse, len(changes), errWorse))
	}
	return untrue
}
