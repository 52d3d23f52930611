package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"ingot/internal/subprocess"
)

const (
	// listenTimeout bounds the time until a server listens, which an ingester does before all else. A guess.
	listenTimeout = 30 * time.Second

	// readyTimeout bounds the rest of the start of an ingester: migration, and in later versions filling a filter from
	// millions of rows.
	readyTimeout = 5 * time.Minute

	// killAfter is how long a child may take to stop when told to: the ingester drains for 20 s by default.
	killAfter = 30 * time.Second
)

// start runs a program with its output in a file, and waits until it listens on address.
func start(ctx context.Context, log, address, program string, args ...string) (*Server, error) {
	s, err := startProcess(log, program, args...)
	if err != nil {
		return nil, err
	}
	s.Address = address
	if err := s.awaitPort(ctx, listenTimeout); err != nil {
		_ = s.Stop()
		return nil, err
	}
	return s, nil
}

// startProcess runs a program. Ctrl-C does not reach it, only the bench, which then stops it.
func startProcess(log, program string, args ...string) (*Server, error) {
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
	return &Server{process: p, log: log}, nil
}

// PID is the process's, 0 if the server ran already.
func (s *Server) PID() int {
	if s.process == nil {
		return 0
	}
	return s.process.PID()
}

// Stop asks a server that was started to end, and waits for it. It may be called again.
func (s *Server) Stop() error {
	p := s.process
	if p == nil {
		return nil
	}
	p.Signal(syscall.SIGTERM)
	if !p.EndsWithin(context.Background(), killAfter) {
		p.Signal(syscall.SIGKILL)
		<-p.Done()
	}
	if err := p.Err(); err != nil {
		return fmt.Errorf("%s: %w: %s", p.Cmd.Path, err, s.lastLogLine())
	}
	return nil
}

// awaitPort returns when the server listens, or does not for so long.
func (s *Server) awaitPort(ctx context.Context, within time.Duration) error {
	for begin := time.Now(); time.Since(begin) < within; {
		c, err := net.DialTimeout("tcp", s.Address, time.Second)
		if err == nil {
			return c.Close()
		}
		if err := s.pause(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s did not listen on %s within %s: see %s", s.process.Cmd.Path, s.Address, within, s.log)
}

// awaitReady returns when an ingester can store events, or is not ready after so long.
func (s *Server) awaitReady(ctx context.Context, within time.Duration) error {
	late := fmt.Errorf("%s listens, but was not ready after %s: see %s", s.process.Cmd.Path, within, s.log)
	ctx, cancel := context.WithTimeoutCause(ctx, within, late)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Address+"/readyz", nil)
		if err != nil {
			return err
		}
		if answer, err := client.Do(r); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := s.pause(ctx); err != nil {
			return err
		}
	}
}

// pause waits a moment, unless the child or ctx ends.
func (s *Server) pause(ctx context.Context) error {
	select {
	case <-time.After(10 * time.Millisecond):
		return nil
	case <-s.process.Done():
		return fmt.Errorf("%s ended: %s", s.process.Cmd.Path, s.lastLogLine())
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lastLogLine is the last line of the log.
func (s *Server) lastLogLine() string {
	b, _ := os.ReadFile(s.log)
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
