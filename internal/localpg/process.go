package localpg

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a child that is waited for from its first moment: an unreaped one would count as alive.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the child has been reaped
	err  error         // how it ended; read after done
}

// launch starts cmd in a process group of its own, to get the signal orphaned should this process die.
// The goroutine stops when the child ends; whoever launched it waits on done.
func launch(cmd *exec.Cmd, orphaned syscall.Signal) (*process, error) {
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr, orphaned)
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// run keeps its thread for as long as the child lives: "when the parent dies", in the kernel's words,
// is when the thread does that forked.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	p.err = p.cmd.Wait()
	close(p.done)
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
func (p *process) signal(sig os.Signal) { _ = p.cmd.Process.Signal(sig) }

// waitFor says whether the child ended within d and before ctx did.
func (p *process) waitFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-p.done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return p.ended()
}

// runToEnd is for initdb and its like, killed with their own children when ctx ends. Without us they are
// killed too: initdb takes note of a SIGINT and goes on for a while.
func runToEnd(ctx context.Context, cmd *exec.Cmd) error {
	cmd.WaitDelay = 5 * time.Second // a grandchild holding the output pipe must not hold us
	p, err := launch(cmd, syscall.SIGKILL)
	if err != nil {
		return err
	}
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		_ = syscall.Kill(-p.pid(), syscall.SIGKILL)
		<-p.done
		return ctx.Err()
	}
}
