package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"ingot/internal/buildtest"
	"ingot/internal/pgtest"
)

// TestStreamsThatStopForTooShort a time to be cut off: it is told what to change, and what was measured before is shown.
func TestStreamsThatStopForTooShort(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := buildtest.Build(dir, nil, "ingot/ingest"); err != nil {
		t.Fatal(err)
	}
	measure := func(stop string) (code int, out, said string) {
		var stdout, stderr bytes.Buffer
		code = run(t.Context(), []string{
			"streams", "--streams=4", "--topics=2", "--rates=200", "--during=1s", stop,
			"--ingest", filepath.Join(dir, "ingest"), "--data-dir", dir, "--database-url", pgtest.Durable(t).URL(),
		}, output{&stdout, &stderr})
		return code, stdout.String(), stderr.String()
	}
	if code, out, said := measure("--stop=1"); code != exitBad || !strings.Contains(said, "it was not cut off. That happens 10 s (--stream-stall)") || !strings.Contains(said, "--stop=0") || strings.Count(out, "\n") != 2 {
		t.Errorf("exit code %d:\n%s%s", code, out, said)
	}
	if code, out, said := measure("--stop=0"); code != exitOK || strings.Count(out, "\n") != 4 {
		t.Errorf("none stops: exit code %d:\n%s%s", code, out, said)
	}
}
