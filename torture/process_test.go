package torture

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ingot/internal/subprocess"
)

// hang bounds what must not hang; no test waits for it to pass.
const hang = 3 * time.Minute

// process is a child that is killed when the test ends, or when the test's process dies.
type process struct {
	*subprocess.Process
	t      testing.TB
	stdout string // files
	stderr string
	quiet  bool // a failed test does not repeat its log
}

// launch starts a program that knows nothing of this process's own settings.
func launch(t testing.TB, program string, args ...string) *process {
	t.Helper()
	return launchAs(t, func(*exec.Cmd) {}, program, args...)
}

// launchAs does so after change.
func launchAs(t testing.TB, change func(*exec.Cmd), program string, args ...string) *process {
	t.Helper()
	dir := t.TempDir()
	p := &process{t: t, stdout: filepath.Join(dir, "stdout"), stderr: filepath.Join(dir, "stderr")}
	cmd := exec.Command(program, args...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool {
		ofPostgres := strings.HasPrefix(s, "PG") && !strings.HasPrefix(s, "PG_BIN=") // the test's own server is one of these
		return strings.HasPrefix(s, "INGOT_") || strings.HasPrefix(s, "DATABASE_URL=") || ofPostgres
	})
	change(cmd)
	if err := p.start(cmd); err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	t.Cleanup(p.clean)
	return p
}

func (p *process) start(cmd *exec.Cmd) error {
	out, err := os.Create(p.stdout)
	if err != nil {
		return err
	}
	defer out.Close() // the child has them too
	errs, err := os.Create(p.stderr)
	if err != nil {
		return err
	}
	defer errs.Close()
	cmd.Stdout, cmd.Stderr = out, errs
	p.Process, err = subprocess.Start(cmd, syscall.SIGKILL)
	return err
}

// signalGroup is what Ctrl-C on a terminal does.
func (p *process) signalGroup(s syscall.Signal) { _ = syscall.Kill(-p.PID(), s) }

// kill is kill -9, and returns when the process is gone.
func (p *process) kill() {
	p.Signal(syscall.SIGKILL)
	<-p.Done()
}

// wait returns the exit code: -1 after a signal.
func (p *process) wait() int {
	p.t.Helper()
	if !p.EndsWithin(context.Background(), hang) {
		p.Signal(syscall.SIGQUIT) // its goroutines, into the log
		<-p.Done()
		p.t.Fatalf("%s did not end", p.Cmd.Path)
	}
	return p.Cmd.ProcessState.ExitCode()
}

func (p *process) said(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

func (p *process) clean() {
	p.kill()
	log := p.said(p.stderr)
	if strings.Contains(log, "WARNING: DATA RACE") { // a kill -9 leaves no exit code to tell it
		p.t.Errorf("%s raced", p.Cmd.Path)
	}
	if p.t.Failed() && !p.quiet {
		p.t.Logf("%s said at last:\n%s", strings.Join(p.Cmd.Args, " "), last(log, 4000))
	}
}

// last is the end of a text: so many bytes.
func last(text string, n int) string { return text[max(0, len(text)-n):] }

// await polls until it is so. It waits for conditions, never for a time.
func await(t testing.TB, what string, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); {
		if time.Since(began) > hang {
			t.Fatalf("waited in vain for %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
