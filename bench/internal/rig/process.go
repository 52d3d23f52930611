package rig

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// killAfter is how long a child may take to stop when told to: the ingester drains
// for 20 s by default.
const killAfter = 30 * time.Second

// process is a running child.
type process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error // how it ended; read after done
}

// start runs a program with its output in a file.
func start(log string, program string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	defer out.Close()
	p := &process{cmd: exec.Command(program, args...), log: log, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = out, out, cleanEnv(os.Environ())
	// A group of its own: Ctrl-C is for the bench, which then stops its children.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(p.cmd.SysProcAttr)
	started := make(chan error, 1)
	go p.run(started) // ends with the child, awaited in stop
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return p, nil
}

// run keeps its thread while the child lives: to the kernel a parent dies when the
// thread does that forked.
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

// stop asks the child to end and waits for it. It may be called again.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(killAfter, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	<-p.done
	if p.err != nil {
		return fmt.Errorf("%s: %w: %s", p.cmd.Path, p.err, p.lastWords())
	}
	return nil
}

// awaitPort returns when somebody listens on address.
func (p *process) awaitPort(ctx context.Context, address string) error {
	for {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return c.Close()
		}
		if err := p.pause(ctx); err != nil {
			return err
		}
	}
}

// pause waits a moment, unless the child or ctx ends.
func (p *process) pause(ctx context.Context) error {
	select {
	case <-time.After(10 * time.Millisecond):
		return nil
	case <-p.done:
		return fmt.Errorf("%s ended: %s", p.cmd.Path, p.lastWords())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// lastWords is the last line of the log.
func (p *process) lastWords() string {
	b, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// cleanEnv leaves out what would change a server behind our back.
func cleanEnv(environ []string) (kept []string) {
	for _, kv := range environ {
		if !strings.HasPrefix(kv, "INGOT_") && !strings.HasPrefix(kv, "DATABASE_URL=") && !strings.HasPrefix(kv, "PG") {
			kept = append(kept, kv)
		}
	}
	return kept
}

// freeAddresses are n that nobody listens on right now, all different.
func freeAddresses(n int) (addresses []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // only at the end: the next one must be another
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}
