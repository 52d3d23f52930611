package scenario

import (
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"ingot/bench/internal/mix"
	"ingot/bench/internal/result"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestScenarioTable holds the table to what the code that reads it relies on.
func TestScenarioTable(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, s := range All() {
		if names[s.Name] || s.Name == "" || s.About == "" {
			t.Errorf("%q: a name that is empty or not its own, or nothing about it", s.Name)
		}
		names[s.Name] = true
		if s.Set != Quick && s.Set != Full && s.Set != Named {
			t.Errorf("%s: set %q", s.Name, s.Set)
		}
		if s.OpenLoop() == (s.Connections > 0) || !slices.IsSorted(s.Rates) {
			t.Errorf("%s: want either connections or rising rates", s.Name)
		}
		if s.Connections%s.IngesterCount() != 0 || s.OpenLoop() && s.IngesterCount() > 1 {
			t.Errorf("%s: %d connections cannot be spread evenly over %d ingesters", s.Name, s.Connections, s.IngesterCount())
		}
		if strings.Contains(s.BaseDatabaseName(), "topics") != (s.Mix.Topics > 0) {
			t.Errorf("%s: a table is kept for each number of topics: %s", s.Name, s.BaseDatabaseName())
		}
		if s.FullTable() && (s.DatabaseName() == s.BaseDatabaseName() || s.Lasts == 0) {
			t.Errorf("%s: a full table is copied, and needs a longer window", s.Name)
		}
		if s.Base > 0 && s.Known > 0 {
			t.Errorf("%s: in a table that is kept nobody knows which events may be repeated", s.Name)
		}
		if _, err := mix.NewEncoder(s.Mix); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
		for _, r := range s.Against {
			checkRatio(t, s, r)
		}
	}
}

func checkRatio(t *testing.T, s Scenario, r result.Ratio) {
	t.Helper()
	other, isScenario := Find(r.Limit)
	switch {
	case isScenario:
		sameTable := other.FullTable() && other.BaseDatabaseName() == s.BaseDatabaseName() && other.Alter != s.Alter
		if other.FullTable() && !sameTable || other.OpenLoop() || other.Array != s.Array || other.Connections != s.Connections || other.Mix.IDs != s.Mix.IDs || other.Mix.Topics != s.Mix.Topics {
			t.Errorf("%s: %s is not the same thing in better circumstances", s.Name, r.Limit)
		}
	case !slices.Contains([]string{LimitCopy, LimitNothing, LimitBare, LimitNaive, LimitCommit, LimitPour}, r.Limit):
		t.Errorf("%s: there is no limit %q", s.Name, r.Limit)
	case r.Limit == LimitPour && !s.FullTable():
		t.Errorf("%s: %s is into a table that is full", s.Name, r.Limit)
	case (r.Limit == LimitNothing || r.Limit == LimitBare || r.Limit == LimitNaive) && s.Array > 0:
		t.Errorf("%s: %s answers single events", s.Name, r.Limit)
	}
	if r.LowerIsBetter() && r.Limit != LimitCommit {
		t.Errorf("%s: a latency is counted in commits, not in %s", s.Name, r.Limit)
	}
}

func TestLimitsInOrder(t *testing.T) {
	t.Parallel()
	s := Scenario{Against: against(beside("c"), beside("a"), beside("c"), beside("b"))}
	if names := s.Limits(); !slices.Equal(names, []string{"c", "a", "b"}) {
		t.Errorf("%v", names)
	}
}
