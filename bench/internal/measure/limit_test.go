package measure

import (
	"testing"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/postgres"
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
