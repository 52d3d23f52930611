package server

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"ingot/internal/subprocess"
)

// killAfter is how long a child may take to stop when told to: the ingester drains
// for 20 s by default.
const killAfter = 30 * time.Second

// process is a running child.
type process struct {
	*subprocess.Process
	log string
}

// start runs a program with its output in a file. Ctrl-C does not reach the program, only the bench, which then stops it.
func start(log string, program string, args ...string) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr, cmd.Env = out, out, cleanEnv(os.Environ())
	p, err := subprocess.Start(cmd, syscall.SIGKILL)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	return &process{p, log}, nil
}

// stop asks the child to end and waits for it. It may be called again.
func (p *process) stop() error {
	p.Signal(syscall.SIGTERM)
	if !p.EndsWithin(context.Background(), killAfter) {
		p.Signal(syscall.SIGKILL)
		<-p.Done()
	}
	if err := p.Err(); err != nil {
		return fmt.Errorf("%s: %w: %s", p.Cmd.Path, err, p.lastLogLine())
	}
	return nil
}

// awaitPort returns when somebody listens on address, or nobody does for so long.
func (p *process) awaitPort(ctx context.Context, address string, within time.Duration) error {
	for begin := time.Now(); time.Since(begin) < within; {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return c.Close()
		}
		if err := p.pause(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s did not listen on %s within %s: see %s", p.Cmd.Path, address, within, p.log)
}

// pause waits a moment, unless the child or ctx ends.
func (p *process) pause(ctx context.Context) error {
	select {
	case <-time.After(10 * time.Millisecond):
		return nil
	case <-p.Done():
		return fmt.Errorf("%s ended: %s", p.Cmd.Path, p.lastLogLine())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lastLogLine is the last line of the log.
func (p *process) lastLogLine() string {
	b, _ := os.ReadFile(p.log)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// cleanEnv leaves out the variables that would change what a server does, unnoticed by the bench.
func cleanEnv(environ []string) (kept []string) {
	for _, kv := range environ {
		if !strings.HasPrefix(kv, "INGOT_") && !strings.HasPrefix(kv, "DATABASE_URL=") && !strings.HasPrefix(kv, "PG") {
			kept = append(kept, kv)
		}
	}
	return kept
}

// freeAddresses are n different addresses that nobody listens on right now.
func freeAddresses(n int) (addresses []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() // only at the end: the next address must be another
		addresses = append(addresses, l.Addr().String())
	}
	return addresses, nil
}
