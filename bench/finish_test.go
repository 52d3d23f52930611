package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ingot/bench/internal/result"
)

// TestARunThatCannotBeSavedIsShown: as on a full disk, where it ends with its first scenario.
func TestARunThatCannotBeSavedIsShown(t *testing.T) {
	t.Parallel()
	address := serveNothing(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "unfinished.json.new"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	args := []string{"run", "open-knee", "--rounds=1", "--warm=0s", "--measure=50ms", "--data-dir", dir, "--url", "http://" + address}
	if code := run(t.Context(), args, streams{&out, &said}); code != exitBad || !strings.Contains(out.String(), "open-knee") || !strings.Contains(said.String(), "unfinished.json") {
		t.Errorf("exit code %d:\n%s%s", code, out.String(), said.String())
	}
}

// TestAResultThatCannotBeWrittenIsShown: it took long enough to measure.
func TestAResultThatCannotBeWrittenIsShown(t *testing.T) {
	t.Parallel()
	measured := result.Result{Scenarios: []result.Scenario{{Name: "array-100", Rounds: make([]result.Round, 1)}}}
	nowhere := filepath.Join(os.DevNull, "out.json")
	for name, finish := range map[string]func(streams) error{
		"array-100":   func(s streams) error { return (&runCommand{Out: nowhere}).finish(s, &measured) },
		"newest page": func(s streams) error { return (&readsCommand{Out: nowhere}).finish(s, readsOf(1)) },
		"p99.9 ms":    func(s streams) error { return (&streamsCommand{Out: nowhere}).finish(s, streamsOf(1, 1)) },
	} {
		var out bytes.Buffer
		if err := finish(streams{&out, &out}); err == nil || !strings.Contains(out.String(), name) {
			t.Errorf("%v, and no %s in\n%s", err, name, out.String())
		}
	}
}
