package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ingot/bench/internal/result"
)

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
