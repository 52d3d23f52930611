package main

import (
	"bytes"
	"testing"

	"ingot/bench/internal/result"
)

// TestProfilesAreNamed: where they are, and what they are of.
func TestProfilesAreNamed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	printProfiles(&out, &result.Result{Scenarios: []result.Scenario{
		{Name: "open-knee", Rounds: []result.Round{{Measurement: result.Measurement{Profile: "knee-40.pprof", Asked: 40, Steps: make([]result.Step, 2)}}}},
		{Name: "ingesters-4", Rounds: []result.Round{{Measurement: result.Measurement{Profile: "of-one.pprof"}}}},
		{Name: "array-100", Rounds: []result.Round{{}}},
		{Name: "array-1000"},
	}})
	const want = "profile knee-40.pprof: open-knee, round 1, at 40 requests/s; the other steps are beside it\n" +
		"profile of-one.pprof: ingesters-4, round 1, the first of 4 ingesters\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}
