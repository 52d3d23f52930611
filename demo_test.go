package ingot_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDemoHasSettingsOfItsOwn: what is set for another server, as a file of keys or a certificate, would keep the demo
// from talking to its own.
func TestDemoHasSettingsOfItsOwn(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("demo.sh"); err != nil { // or go test takes a result from before it was changed
		t.Fatal(err)
	}
	bin := t.TempDir()
	told := filepath.Join(bin, "ingest")
	if err := os.WriteFile(told, []byte("#!/usr/bin/env bash\nenv >$0.env\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	demo := exec.Command("./demo.sh", bin, t.TempDir())
	demo.Env = append(os.Environ(), "INGOT_KEYS_FILE=k", "INGOT_TLS_CERT=c", "INGOT_KEY=", "INGOT_MAX_EVENTS=1", "DATABASE_URL=d", "INGOT_POSTGRES=p")
	if out, err := demo.CombinedOutput(); err == nil || !strings.Contains(string(out), "the server did not start") {
		t.Fatalf("%v: %s", err, out)
	}
	environment, err := os.ReadFile(told + ".env")
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for variable := range strings.Lines(string(environment)) {
		switch {
		case variable == "INGOT_POSTGRES=p\n":
			kept++
		case strings.HasPrefix(variable, "INGOT_"), strings.HasPrefix(variable, "DATABASE_URL="):
			t.Errorf("the server is given %s", variable)
		}
	}
	if kept != 1 {
		t.Error("INGOT_POSTGRES is not handed on")
	}
}
