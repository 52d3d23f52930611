package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ingot/bench/internal/postgres"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/internal/buildtest"
	"ingot/internal/pgtest"
)

// profiling is a house with an ingester and a database, whose rounds are profiled.
func profiling(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	if err := buildtest.Build(dir, nil, "ingot/ingest"); err != nil {
		t.Fatal(err)
	}
	cluster, err := postgres.OpenCluster(t.Context(), "", pgtest.Durable(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cluster.Close(context.Background()) })
	return &house{place: place{DataDir: dir}, cluster: cluster, binary: filepath.Join(dir, "ingest"), logs: dir, progress: newProgress(t.Output()), profiles: true}
}

// TestProfileOfALimit: of a scenario that is the limit of another the profile of its own rounds stays.
func TestProfileOfALimit(t *testing.T) {
	t.Parallel()
	h := profiling(t)
	m, err := h.openMeter(t.Context(), "array-100", scenario.Scenario{}, window{0, time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer m.close()
	if _, err := m.measure(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(filepath.Join(h.DataDir, "profiles"))
	if err != nil || len(files) != 1 || files[0].Name() != "array-100-as-limit.pprof" {
		t.Errorf("%v, %v", files, err)
	}
}

// TestProfileOfTheKnee: each rate has a profile of its own, and the result names that of the rate whose figures are shown.
func TestProfileOfTheKnee(t *testing.T) {
	t.Parallel()
	h := profiling(t)
	s := scenario.Scenario{Name: "open-knee", Rates: []int{20, 40}, Suffix: "_profiled"}
	r, err := h.round(t.Context(), s, window{0, time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for _, rate := range []string{"20", "40"} {
		if b, err := os.ReadFile(filepath.Join(h.DataDir, "profiles", "open-knee-"+rate+".pprof")); err != nil || len(b) == 0 {
			if rate == "20" || len(r.Steps) == 2 { // else a busy machine did not keep up with the first
				t.Errorf("%d bytes, %v", len(b), err)
			}
		}
	}
	var out bytes.Buffer
	rate := fmt.Sprintf("%.0f", r.Asked)
	tellProfiles(&out, &result.Result{Scenarios: []result.Scenario{
		{Name: "open-knee", Rounds: []result.Round{{Run: r}}},
		{Name: "ingesters-4", Rounds: []result.Round{{Run: result.Run{Profile: "of-one.pprof"}}}},
		{Name: "array-100", Rounds: []result.Round{{}}},
		{Name: "array-1000"},
	}})
	for _, want := range []string{
		filepath.Join(h.DataDir, "profiles", "open-knee-"+rate+".pprof") + ": open-knee, round 1, at " + rate + " requests/s",
		"of-one.pprof: ingesters-4, round 1, the first of 4 ingesters\n",
	} {
		if !strings.Contains(out.String(), want) || strings.Count(out.String(), "\n") != 2 {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
