// Package subprocess starts programs as children of this process: Postgres for package localpg, and the real binaries
// for the bench and the torture tests. A child is waited for from its first moment, since an unreaped child would count
// as alive, and it does not outlive this process (on Linux). Each child has a goroutine here, which ends with the child.
// Whoever has started a child has to end it.
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
	Cmd  *exec.Cmd     // nobody else may wait for it
	done chan struct{} // closed when the child has been reaped
	err  error         // how the child ended; read only after done is closed
}

// Start starts cmd. The child gets the signal orphaned when this process dies, however it dies (on Linux; elsewhere the
// child lives on). A goroutine waits for the child and ends with it. The error of Start is that of cmd.Start.
func Start(cmd *exec.Cmd, orphaned syscall.Signal) (*Process, error) {
	DieWithParent(cmd, orphaned)
	cmd.SysProcAttr.Setpgid = !cmd.SysProcAttr.Setsid // the first of a session leads its group already
	p := &Process{Cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// DieWithParent has the child of cmd, which is not started yet, get a signal when this process dies, as Start does. It is for
// tests that need what exec.Cmd has besides: nothing keeps the thread that forks, and with that thread the child would end. Go
// ends a thread only with a goroutine that is locked to it.
func DieWithParent(cmd *exec.Cmd, orphaned syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	dieWithParent(cmd.SysProcAttr, orphaned)
}

// run keeps its thread for as long as the child lives: to the kernel, "the parent dies" when that thread dies which
// forked the child.
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

// PID is the process id of the child, and of its process group as well.
func (p *Process) PID() int { return p.Cmd.Process.Pid }

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the child ended, as told by exec.Cmd.Wait. It may be called only once Done is closed.
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

// EndsWithin waits for the end of the child, for d and until ctx ends at most, and says whether the child has ended.
func (p *Process) EndsWithin(ctx context.Context, d time.Duration) bool {
	select {
	case <-p.done:
	case <-time.After(d):
	case <-ctx.Done():
	}
	return p.Ended()
}

// Signal sends a signal to the child. It cannot hit another process that has got the child's id since: the child is reaped
// through the same handle.
func (p *Process) Signal(sig os.Signal) { _ = p.Cmd.Process.Signal(sig) }
