// Package subprocess starts programs that are waited for from their first moment, since an unreaped one would
// count as alive, and that do not outlive this process: Postgres for package localpg, and the real binaries for
// the bench and the tests of torture. Each has a goroutine, which ends when it does; ending it is up to
// who has started it.
package subprocess

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// Process is a child in a process group of its own: Ctrl-C on a terminal does not reach it.
type Process struct {
	Cmd  *exec.Cmd     // not to be waited for by anybody else
	done chan struct{} // closed when the child has been reaped
	err  error         // how it ended; read after done
}

// Start starts cmd, which gets the signal orphaned should this process die, however it dies (on Linux;
// elsewhere it lives on). A goroutine waits for it, and stops when it ends; its error is that of cmd.Start.
func Start(cmd *exec.Cmd, orphaned syscall.Signal) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = !cmd.SysProcAttr.Setsid // the first of a session leads its group already
	dieWithParent(cmd.SysProcAttr, orphaned)
	p := &Process{Cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// run keeps its thread for as long as the child lives: "when the parent dies", in the kernel's words,
// is when the thread does that forked.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.Cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	p.err = p.Cmd.Wait()
	close(p.done)
}

// PID is its number, which is its process group's as well.
func (p *Process) PID() int { return p.Cmd.Process.Pid }

// Done is closed when it has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how it ended, as of exec.Cmd.Wait. It may be asked for when Done is closed.
func (p *Process) Err() error { return p.err }

// Ended says whether Done is closed.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// EndsWithin says whether it ended within d and before ctx did.
func (p *Process) EndsWithin(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return p.Ended()
}

// Signal cannot hit a stranger: the child is reaped through the same handle.
func (p *Process) Signal(sig os.Signal) { _ = p.Cmd.Process.Signal(sig) }
