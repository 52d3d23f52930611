package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/progress"
	"ingot/bench/internal/result"
)

func stores(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"status":"stored"}`) }

// storesNothing is the address of a server that says "stored" to everything, until the test ends.
func storesNothing(t *testing.T) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(stores))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// TestARunThatCannotBeSavedIsShown: as on a full disk, where it ends with its first scenario.
func TestARunThatCannotBeSavedIsShown(t *testing.T) {
	t.Parallel()
	address := storesNothing(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "unfinished.json.new"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	args := []string{"run", "open-knee", "--rounds=1", "--warm=0s", "--measure=50ms", "--data-dir", dir, "--url", "http://" + address}
	if code := run(t.Context(), args, output{&out, &said}); code != exitBad || !strings.Contains(out.String(), "open-knee") || !strings.Contains(said.String(), "unfinished.json") {
		t.Errorf("exit code %d:\n%s%s", code, out.String(), said.String())
	}
}

// TestAResultThatCannotBeWrittenIsShown: it took long enough to measure.
func TestAResultThatCannotBeWrittenIsShown(t *testing.T) {
	t.Parallel()
	measured := result.Result{Scenarios: []result.Scenario{{Name: "array-100", Rounds: make([]result.Round, 1)}}}
	nowhere := filepath.Join(os.DevNull, "out.json")
	for name, finish := range map[string]func(output) error{
		"array-100":   func(s output) error { return (&runCommand{Out: nowhere}).finish(s, &measured) },
		"newest page": func(s output) error { return (&readsCommand{Out: nowhere}).finish(s, readsOf(1)) },
		"p99.9 ms":    func(s output) error { return (&streamsCommand{Out: nowhere}).finish(s, streamsOf(1, 1)) },
	} {
		var out bytes.Buffer
		if err := finish(output{&out, &out}); err == nil || !strings.Contains(out.String(), name) {
			t.Errorf("%v, and no %s in\n%s", err, name, out.String())
		}
	}
}

// TestARunThatMeasuredNothingFails: a script takes its exit code for the figures that it wanted.
func TestARunThatMeasuredNothingFails(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	args := []string{"run", "staged-100", "--data-dir", t.TempDir(), "--url", "http://" + storesNothing(t)}
	if code := run(t.Context(), args, output{&out, &out}); code != exitBad || !strings.Contains(out.String(), "nothing was measured") {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
}

// TestARunThatCannotGoOnSaysWhy: what was cut is written over once the first scenario is measured.
func TestARunThatCannotGoOnSaysWhy(t *testing.T) {
	t.Parallel()
	same := command(os.Args[1:])
	for name, c := range map[string]struct {
		cut  any
		says string
		done int
	}{
		"none was cut":  {nil, "", 0},
		"the same":      {cutRun("", same), "continuing the run of", 1},
		"another build": {cutRun("abc", same), "another build of the ingester", 0},
		"other flags":   {cutRun("", "bench run --rounds=7"), "of a run with other flags (bench run --rounds=7)", 0},
		"no result":     {"half", "starting over: read result: ", 0},
	} {
		var said bytes.Buffer
		run := runCommand{Resume: true}
		run.DataDir = t.TempDir()
		if c.cut != nil {
			if err := result.Write(run.unfinished(), c.cut); err != nil {
				t.Fatal(err)
			}
		}
		r, err := run.newResult(t.Context(), &environment.Environment{Progress: progress.New(&said)})
		if err != nil || len(r.Scenarios) != c.done || !strings.Contains(said.String(), c.says) || c.says == "" && said.Len() > 0 {
			t.Errorf("%s: %v, %q", name, err, said.String())
		}
	}
}

func cutRun(ingester, command string) *result.Result {
	return &result.Result{Version: result.Version, Ingester: ingester, Command: command, Scenarios: []result.Scenario{{Name: "array-100"}}}
}
