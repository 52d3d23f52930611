package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"ingot/bench/internal/monitor"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
)

// profiled runs load and, if profiles are wanted, takes one of the first ingester's processor time meanwhile: while it warms
// up and is measured. The profile of the last round is kept.
func (t *trial) profiled(ctx context.Context, name string, load func(context.Context) (result.Run, error)) (result.Run, error) {
	if !t.profiles {
		return load(ctx)
	}
	path := filepath.Join(t.DataDir, "profiles", name+".pprof")
	taken := make(chan error, 1)
	go func() { taken <- monitor.Profile(ctx, t.servers[0].Debug, t.warm+t.window.measure, path) }() // ends by itself, awaited below
	r, err := load(ctx)
	r.Profile = path
	return r, errors.Join(err, <-taken)
}

// tellProfiles says where the profile of each scenario is, and what it is of.
func tellProfiles(out io.Writer, r *result.Result) {
	for _, s := range r.Scenarios {
		if len(s.Rounds) == 0 {
			continue
		}
		last := s.Rounds[len(s.Rounds)-1].Run
		if last.Profile == "" {
			continue
		}
		fmt.Fprintf(out, "profile %s: %s, round %d", last.Profile, s.Name, len(s.Rounds))
		if of, _ := scenario.Find(s.Name); of.IngesterCount() > 1 {
			fmt.Fprintf(out, ", the first of %d ingesters", of.IngesterCount())
		}
		if len(last.Steps) > 0 {
			fmt.Fprintf(out, ", at %.0f requests/s; the other steps are beside it", last.Asked)
		}
		fmt.Fprintln(out)
	}
}
