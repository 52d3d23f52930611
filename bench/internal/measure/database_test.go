package measure

import (
	"context"
	"errors"
	"testing"

	"ingot"
	"ingot/bench/internal/environment"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/progress"
	"ingot/bench/internal/scenario"
	"ingot/internal/pgtest"
)

// TestAnEmptiedDatabase: the next round finds nothing of the one before, and in the end
// it is gone.
func TestAnEmptiedDatabase(t *testing.T) {
	t.Parallel()
	cluster, err := postgres.OpenCluster(t.Context(), "", pgtest.Durable(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cluster.Close(context.Background()) }()
	env := &environment.Environment{Cluster: cluster, Progress: progress.New(t.Output())}
	s := scenario.Scenario{Name: "emptied", Emptied: true}
	for range 2 {
		r := &round{env: env, scenario: s}
		if err := r.openDatabase(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := postgres.Exec(t.Context(), r.database, ingot.Schema); err != nil {
			t.Errorf("the tables are there already: %v", err)
		}
		if err := r.tearDown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if there, err := cluster.Exists(t.Context(), s.DatabaseName()); !there || err != nil {
		t.Errorf("after two rounds: %v, %v", there, err)
	}
	if err := dropDatabase(t.Context(), env, s); err != nil {
		t.Fatal(err)
	}
	if there, err := cluster.Exists(t.Context(), s.DatabaseName()); there || err != nil {
		t.Errorf("in the end: %v, %v", there, err)
	}
}

// TestABaseIsVacuumed, also by a run after one that was interrupted when all rows were there.
func TestABaseIsVacuumed(t *testing.T) {
	t.Parallel()
	r, err := newRound(profiling(t), scenario.Scenario{Name: "base", Base: 3000}, Window{})
	if err != nil {
		t.Fatal(err)
	}
	base := r.env.Cluster.URL(r.scenario.BaseDatabaseName())
	vacuumed := func(when string, want bool) {
		t.Helper()
		if done, err := postgres.Vacuumed(t.Context(), base); done != want || err != nil {
			t.Errorf("%s: vacuumed: %v, %v", when, done, err)
		}
	}
	if err := r.openBase(t.Context()); err != nil {
		t.Fatal(err)
	}
	vacuumed("loaded", true)
	if err := postgres.Exec(t.Context(), base, "UPDATE ingot.events SET source = source"); err != nil { // on new pages, as rows are loaded
		t.Fatal(err)
	}
	vacuumed("written to", false)
	if err := r.openBase(t.Context()); err != nil {
		t.Fatal(err)
	}
	vacuumed("opened again", true)
}

// TestSteadyStateEnds: with the first step that brings few page images for its rows, with an
// error of a step, or with the last one that may be.
func TestSteadyStateEnds(t *testing.T) {
	t.Parallel()
	url := pgtest.Durable(t).URL() // of its own, for one bench at a time uses a Postgres
	cluster, err := postgres.OpenCluster(t.Context(), "", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cluster.Close(context.Background()) }()
	if err := postgres.Exec(t.Context(), url, ingot.Schema); err != nil {
		t.Fatal(err)
	}
	env := &environment.Environment{Cluster: cluster}
	steps := 0
	if err := loadUntilSteady(t.Context(), env, url, func() (int, error) { steps++; return 1 << 40, nil }); err != nil || steps != 1 {
		t.Errorf("no images: %d steps, %v", steps, err)
	}
	broken := errors.New("broken")
	if err := loadUntilSteady(t.Context(), env, url, func() (int, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Errorf("a step that fails: %v", err)
	}
	steps = 0
	if err := loadUntilSteady(t.Context(), env, url, func() (int, error) { steps++; return -1 << 40, nil }); err == nil || steps != steadySteps {
		t.Errorf("images without end: %d steps, %v", steps, err)
	}
}
