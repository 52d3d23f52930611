package environment

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestLogsOfTwoRuns: those of the run before are there, and older ones are not. A bench that cannot begin takes none away.
func TestLogsOfTwoRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"first.log", "second.log", "third.log"} {
		e, err := Open(t.Context(), Options{DataDir: dir, URL: "http://127.0.0.1:1"}, t.Output())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(e.Logs, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := e.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if e, err := Open(t.Context(), Options{DataDir: dir, URL: "http://127.0.0.1:1", DatabaseURL: "postgres://127.0.0.1:1/none"}, t.Output()); err == nil {
		t.Errorf("began without a database: %+v", e)
	}
	found, err := filepath.Glob(filepath.Join(dir, "logs*", "*.log"))
	want := []string{filepath.Join(dir, "logs", "third.log"), filepath.Join(dir, "logs.before", "second.log")}
	if err != nil || !slices.Equal(found, want) {
		t.Errorf("%v, %v, want %v", found, err, want)
	}
}
