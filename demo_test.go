package ingot_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ingot/internal/buildtest"
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
	if err := buildtest.Write(told, []byte("#!/usr/bin/env bash\nenv >$0.env\nexit 1\n")); err != nil {
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

// TestDemoSaysWhereTheDataAre: root's are elsewhere where the user that Postgres runs as cannot enter the folder.
func TestDemoSaysWhereTheDataAre(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("demo.sh"); err != nil { // or go test takes a result from before it was changed
		t.Fatal(err)
	}
	bin := t.TempDir()
	for name, does := range map[string]string{
		"publisher": "exit 0",
		"ingest": `case $1 in
healthcheck) ;;
verify) echo "events 20000, batches 1" ;;
*) trap 'exit 0' TERM
  echo '{"level":"info","msg":"private Postgres started","data":"/elsewhere/data","version":"15.18"}' >&2
  echo '{"level":"info","msg":"listening"}' >&2
  for _ in {1..600}; do sleep 0.1; done ;;
esac`,
	} {
		if err := buildtest.Write(filepath.Join(bin, name), []byte("#!/usr/bin/env bash\n"+does+"\n")); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("./demo.sh", bin, t.TempDir()).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "the data are kept in /elsewhere/data;") {
		t.Fatalf("%v: %s", err, out)
	}
}
