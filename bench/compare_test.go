package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"ingot/bench/internal/reads"
	"ingot/bench/internal/result"
	"ingot/bench/internal/streams"
	"ingot/bench/internal/truth"
)

// compared is what bench compare makes of two results.
func compared(t *testing.T, old, new any) (code int, said string) {
	t.Helper()
	dir := t.TempDir()
	paths := [2]string{filepath.Join(dir, "old.json"), filepath.Join(dir, "new.json")}
	for i, r := range [2]any{old, new} {
		if err := result.Write(paths[i], r); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	code = run(t.Context(), []string{"compare", paths[0], paths[1]}, output{&out, &out})
	return code, strings.Join(strings.Fields(out.String()), " ")
}

func readsOf(p99 int64) *result.Reads {
	return &result.Reads{
		Result: result.Result{Version: result.Version}, Rows: 500, Topics: 10, Top: float64(p99),
		Kinds: []reads.Figure{{Name: "newest page", P50: 1000, P99: p99, Max: 9000}},
	}
}

func streamsOf(asked int, p99 int64) *result.Streams {
	o := streams.Outcome{Streams: 7, Topics: 3, Asked: asked, P50: 1000, P99: p99}
	return &result.Streams{Result: result.Result{Version: result.Version}, Runs: []result.StreamsRun{{Outcome: o}}}
}

// TestCompareWhatWasMeasuredOnce: values beside each other, and no word of better or worse.
func TestCompareWhatWasMeasuredOnce(t *testing.T) {
	t.Parallel()
	broken := readsOf(2000)
	broken.Beside.Truth = truth.Verdict{Settled: 9, Missing: 3}
	for name, c := range map[string]struct {
		old, new any
		code     int
		says     []string
	}{
		"reads":         {readsOf(2000), readsOf(5000), 0, []string{"newest page p50 ms 1.00 1.00 1.00", "newest page p99 ms 2.00 5.00 2.50", "max ms 9.00", "top events/s 2000.00 5000.00 2.50", "rows 500.00", "which says nothing about noise"}},
		"streams":       {streamsOf(100, 4000), streamsOf(100, 2000), 0, []string{"7 streams of 3 topics, 0 stopped, 100 events/s p99 ms 4.00 2.00 0.50"}},
		"another rate":  {streamsOf(100, 4000), streamsOf(200, 2000), 1, []string{"no figure in common"}},
		"two kinds":     {readsOf(2000), streamsOf(100, 2000), 1, []string{"old.json is a result of bench reads", "new.json one of bench streams: only two of the same kind"}},
		"broken":        {readsOf(2000), broken, 1, []string{"new.json has no figures: 3 of 9 acknowledged events are not in the table"}},
		"of nobody":     {map[string]int{"rows": 1}, readsOf(2000), 1, []string{"old.json is not a result of bench"}},
		"of the future": {map[string]any{"version": 9, "reads": "many"}, readsOf(2000), 1, []string{"version 9", "measure again"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, said := compared(t, c.old, c.new)
			for _, want := range c.says {
				if code != c.code || !strings.Contains(said, want) || strings.Contains(said, "newest page p99 ms") && c.code != 0 {
					t.Errorf("exit code %d, want %d and %q:\n%s", code, c.code, want, said)
				}
			}
		})
	}
}

// TestNoReportOfReads: it would be one of no scenarios, all of which hold.
func TestNoReportOfReads(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "reads.json")
	if err := result.Write(path, readsOf(1)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"report", path}, output{&out, &out}); code != exitBad || !strings.Contains(out.String(), "it was not written by bench run") {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
}
