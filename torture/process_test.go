package torture

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hang bounds what must not hang; no test waits for it to pass.
const hang = 3 * time.Minute

// process is a child in a process group of its own. It is waited for from its
// first moment, and killed when the test ends.
type process struct {
	t      testing.TB
	cmd    *exec.Cmd
	stdout string // files
	stderr string
	done   chan struct{} // closed when the child has been reaped
	quiet  bool          // a failed test does not repeat its log
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
	p := &process{
		t: t, cmd: exec.Command(program, args...), done: make(chan struct{}),
		stdout: filepath.Join(dir, "stdout"), stderr: filepath.Join(dir, "stderr"),
	}
	p.cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "INGOT_") || strings.HasPrefix(s, "DATABASE_URL=") || strings.HasPrefix(s, "PG")
	})
	// A test binary that dies takes its children along.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	change(p.cmd)
	started := make(chan error, 1)
	go p.run(started) // ends with the child, awaited in the cleanup
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", program, err)
	}
	t.Cleanup(p.clean)
	return p
}

// run keeps its thread for as long as the child lives: Pdeathsig is about the
// thread that forked.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.open()
	if err == nil {
		err = p.cmd.Start()
	}
	started <- err
	if err != nil {
		return
	}
	_ = p.cmd.Wait() // how it ended stays in ProcessState
	close(p.done)
}

func (p *process) open() error {
	out, err := os.Create(p.stdout)
	if err != nil {
		return err
	}
	errs, err := os.Create(p.stderr)
	p.cmd.Stdout, p.cmd.Stderr = out, errs
	return err
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// signal cannot hit a stranger: the child is reaped through the same handle.
func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// signalGroup is what Ctrl-C on a terminal does.
func (p *process) signalGroup(s syscall.Signal) { _ = syscall.Kill(-p.pid(), s) }

// kill is kill -9, and returns when the process is gone.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// wait returns the exit code: -1 after a signal.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(hang):
		p.signal(syscall.SIGQUIT) // its goroutines, into the log
		<-p.done
		p.t.Fatalf("%s did not end", p.cmd.Path)
	}
	return p.cmd.ProcessState.ExitCode()
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
	for _, f := range []any{p.cmd.Stdout, p.cmd.Stderr} {
		_ = f.(*os.File).Close()
	}
	log := p.said(p.stderr)
	if strings.Contains(log, "WARNING: DATA RACE") { // a kill -9 leaves no exit code to tell it
		p.t.Errorf("%s raced", p.cmd.Path)
	}
	if p.t.Failed() && !p.quiet {
		p.t.Logf("%s said at last:\n%s", strings.Join(p.cmd.Args, " "), log[max(0, len(log)-4000):])
	}
}

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
