package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"ingot/internal/pgtest"
)

var update = flag.Bool("update", false, "write the table of settings in docs/settings.md anew")

const (
	readme       = "../README.md"
	settingsPage = "../docs/settings.md"
	tableBegin   = "<!-- settings: go test ./ingest -run TestSettings -update -->\n"
	tableEnd     = "<!-- end of settings -->\n"
)

// TestSettingsPage: the table of settings is made from the flags.
func TestSettingsPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(settingsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegin)
	table, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s has no table between %q and %q", settingsPage, tableBegin, tableEnd)
	}
	want := settings(t)
	if *update {
		text := before + tableBegin + want + tableEnd + after
		if err := os.WriteFile(settingsPage, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("the table is not that of the flags: go test ./ingest -run TestSettings -update\ngot\n%s\nwant\n%s", table, want)
	}
}

// settings is the table: a row for each flag of serve.
func settings(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("| flag | variable | default | |\n|---|---|---|---|\n")
	for _, f := range serveFlags(t) {
		fmt.Fprintf(&out, "| `--%s` | %s | %s | %s |\n", f.Name, variables(f), preset(f), strings.ReplaceAll(f.Help, "|", `\|`))
	}
	return out.String()
}

func serveFlags(t *testing.T) []*kong.Flag {
	t.Helper()
	parser, err := kong.New(&cli{})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range parser.Model.Children {
		if command.Name == "serve" {
			return command.Flags
		}
	}
	t.Fatal("there is no command serve")
	return nil
}

func variables(f *kong.Flag) string {
	if len(f.Envs) == 0 {
		return ""
	}
	return "`" + strings.Join(f.Envs, "`, `") + "`"
}

func preset(f *kong.Flag) string {
	if f.Default == "" {
		return ""
	}
	return "`" + f.Default + "`"
}

// TestEveryFlagIsAVariableToo, as the README says.
func TestEveryFlagIsAVariableToo(t *testing.T) {
	t.Parallel()
	for _, f := range serveFlags(t) {
		if len(f.Envs) == 0 || f.Help == "" {
			t.Errorf("--%s has no variable, or no help", f.Name)
		}
	}
}

// TestREADMEProgram runs the program of the README as it stands there, where there is a Python: it is refused once, then its
// answer is lost, and both events are there once.
func TestREADMEProgram(t *testing.T) {
	t.Parallel()
	python, program := readmeProgram(t)
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	c.Serve.Listen, c.Serve.DatabaseURL, c.Serve.AllowUnsafe = "127.0.0.1:0", pgtest.New(t), true
	base := start(t, c.Serve.config)

	target, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	proxy, tries := httputil.NewSingleHostReverseProxy(target), 0
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch tries++; tries { // one request after the other
		case 1:
			http.Error(w, "busy", http.StatusServiceUnavailable)
		case 2:
			proxy.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	defer between.Close()
	program += fmt.Sprintf(`
event = {"topic": "t", "source": "s", "timestamp": "2026-01-01T00:00:00Z", "payload": None}
print(json.dumps(publish([{"event_id": "1", **event}, {"event_id": "2", **event}], %q)))
`, between.URL+"/publish")
	out, err := exec.CommandContext(t.Context(), python, "-c", program).CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"received": 2, "stored": 0, "duplicates": 2`) || tries != 3 {
		t.Errorf("%d tries, %v: %s", tries, err, out)
	}
	if stats := read(t, base+"/stats"); !strings.Contains(stats, `"received":4,"unique_processed":2`) {
		t.Errorf("%s", stats)
	}
}

// TestREADMEProgramGivesUp when its patience is at an end, however long it is asked to wait, and in whatever form.
func TestREADMEProgramGivesUp(t *testing.T) {
	t.Parallel()
	python, program := readmeProgram(t)
	for _, after := range []string{"3600", "Fri, 31 Dec 2100 23:59:59 GMT", ""} {
		t.Run(after, func(t *testing.T) {
			t.Parallel()
			var tries atomic.Int64
			busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				tries.Add(1)
				w.Header().Set("Retry-After", after)
				w.WriteHeader(http.StatusTooManyRequests)
			}))
			defer busy.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // it is to take none: its clock is one that sleep moves
			defer cancel()
			out, err := exec.CommandContext(ctx, python, "-c", program+fmt.Sprintf(`
now = 0
def sleep(seconds):
    global now
    now += seconds
time.monotonic, time.sleep = lambda: now, sleep
try:
    publish([], %q, patience=1)
except urllib.error.HTTPError as e:
    print(e.code, now)
`, busy.URL+"/publish")).CombinedOutput()
			if err != nil || string(out) != "429 1.0\n" && string(out) != "429 1\n" || tries.Load() < 2 {
				t.Errorf("%d tries, %v: %s", tries.Load(), err, out)
			}
		})
	}
}

// readmeProgram is the program of the README without its end, which publishes, and what runs it.
func readmeProgram(t *testing.T) (python, program string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip(err)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	_, program, _ = strings.Cut(string(text), "```python\n")
	program, _, found := strings.Cut(program, "\nanswer = publish(")
	if !found {
		t.Fatalf("%s has no program in Python that ends by publishing", readme)
	}
	return python, program
}
