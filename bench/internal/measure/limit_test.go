package measure

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ingot"
	"ingot/bench/internal/environment"
	"ingot/bench/internal/postgres"
	"ingot/bench/internal/progress"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
	"ingot/internal/pgtest"
)

// TestALimitThatCannotBeOpenedLeavesNothing: a Postgres that was given stays there after the bench.
func TestALimitThatCannotBeOpenedLeavesNothing(t *testing.T) {
	t.Parallel()
	cluster, err := postgres.OpenCluster(t.Context(), "", pgtest.Durable(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cluster.Close(t.Context()) }()
	env := &environment.Environment{Cluster: cluster, Self: "/nonexistent", Logs: t.TempDir()}
	if _, err := OpenLimit(t.Context(), env, scenario.LimitNaive, scenario.Scenario{}, Window{}); err == nil {
		t.Fatal("a server that is not there has started")
	}
	if there, err := cluster.Exists(t.Context(), "bench_limit_naive"); err != nil || there {
		t.Errorf("its database is there: %v, %v", there, err)
	}
}

// TestLimitsWithoutADatabase cannot be had, which is no error.
func TestLimitsWithoutADatabase(t *testing.T) {
	t.Parallel()
	s := scenario.Scenario{Against: []result.Ratio{{Limit: scenario.LimitCopy}, {Limit: scenario.LimitPour}}}
	if limits, err := openLimits(t.Context(), &environment.Environment{}, s, Window{}); len(limits) > 0 || err != nil {
		t.Errorf("%v, %v", limits, err)
	}
}

// TestLimitsBetweenRoundsBelongToBoth: that after a round is that before the next, so each stands at two sides of a round.
func TestLimitsBetweenRoundsBelongToBoth(t *testing.T) {
	t.Parallel()
	given := pgtest.Durable(t).URL()
	cluster, err := postgres.OpenCluster(t.Context(), "", given)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cluster.Close(t.Context()) }()
	if err := postgres.Exec(t.Context(), given, ingot.Schema); err != nil {
		t.Fatal(err)
	}
	liar := httptest.NewServer(http.HandlerFunc(stores))
	defer liar.Close()
	env := attached(liar, environment.Options{DatabaseURL: given})
	env.Cluster, env.Progress = cluster, progress.New(io.Discard)
	s := scenario.Scenario{Name: "two", Connections: 1, Against: []result.Ratio{{Limit: scenario.LimitCommit}}}
	got, err := Scenario(t.Context(), env, s, 2, Window{0, 50 * time.Millisecond})
	if err != nil || len(got.Rounds) != 2 {
		t.Fatalf("%d rounds, %v", len(got.Rounds), err)
	}
	first, second := got.Rounds[0].Limits[scenario.LimitCommit], got.Rounds[1].Limits[scenario.LimitCommit]
	if first[0] == 0 || first[1] != second[0] {
		t.Errorf("%v around the first round, %v around the second", first, second)
	}
}
