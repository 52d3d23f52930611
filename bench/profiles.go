package main

import (
	"fmt"
	"io"

	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
)

// printProfiles says where the profile of each scenario is, and what it is of.
func printProfiles(out io.Writer, r *result.Result) {
	for _, s := range r.Scenarios {
		if len(s.Rounds) == 0 {
			continue
		}
		last := s.Rounds[len(s.Rounds)-1].Measurement
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
