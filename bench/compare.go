package main

import (
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
func (c *compareCommand) Run(s streams) error {
	old, err := result.Read(c.Old)
	if err != nil {
		return err
	}
	new, err := result.Read(c.New)
	if err != nil {
		return err
	}
	for _, r := range []*result.Result{old, new} {
		fmt.Fprintf(s.stdout, "%s  commit %s, %s, %d cores: %s\n", r.Started.Format("2006-01-02 15:04"), r.Commit, r.Machine.Processor, r.Machine.Cores, r.Command)
	}
	changes := result.Compare(old, new)
	if len(changes) == 0 {
		return errors.New("the two results have no scenario in common")
	}
	if worse := result.PrintChanges(s.stdout, changes); worse > 0 {
		return fmt.Errorf("%d of %d figures: %w", worse, len(changes), errWorse)
	}
	return nil
}
