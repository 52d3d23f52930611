package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Server is something that answers HTTP: an ingester, or the server of a limit.
type Server struct {
	Address string
	Debug   string   // address of its profiles; "": it serves none
	process *process // nil: the server ran already
}

const (
	// listenTimeout bounds the time until a server listens, which an ingester does before all else. A guess.
	listenTimeout = 30 * time.Second

	// readyTimeout bounds the rest of the start of an ingester: migration, and in later versions filling a filter from
	// millions of rows.
	readyTimeout = 5 * time.Minute
)

// debugFlag tells an ingester to serve profiles.
const debugFlag = "--debug-listen"

// helpTimeout bounds the answer to --help. A guess: it takes milliseconds.
const helpTimeout = 10 * time.Second

// StartIngester runs the binary on a database and waits until it can store events.
func StartIngester(ctx context.Context, binary, logDir, database string, flags []string) (*Server, error) {
	addresses, err := freeAddresses(2)
	if err != nil {
		return nil, err
	}
	address, debug := addresses[0], ""
	args := append([]string{"serve", "--listen", address, "--database-url", database}, flags...)
	if HasFlag(ctx, binary, debugFlag) {
		debug = addresses[1]
		args = append(args, debugFlag, debug)
	}
	_, port, _ := net.SplitHostPort(address)
	s, err := startServer(ctx, filepath.Join(logDir, "ingest-"+port+".log"), address, binary, args)
	if err != nil {
		return nil, err
	}
	s.Debug = debug
	if err := s.awaitReady(ctx, readyTimeout); err != nil {
		_ = s.Stop()
		return nil, fmt.Errorf("wait for the ingester: %w", err)
	}
	return s, nil
}

// StartLimit runs a server of package limit: a subcommand of this binary that
// takes --listen.
func StartLimit(ctx context.Context, binary, logDir, command string, args ...string) (*Server, error) {
	addresses, err := freeAddresses(1)
	if err != nil {
		return nil, err
	}
	address := addresses[0]
	args = append([]string{command, "--listen", address}, args...)
	return startServer(ctx, filepath.Join(logDir, command+".log"), address, binary, args)
}

// Attach takes a server that runs already: that of --url.
func Attach(address string) *Server { return &Server{Address: address} }

func startServer(ctx context.Context, log, address, binary string, args []string) (*Server, error) {
	p, err := start(log, binary, args...)
	if err != nil {
		return nil, err
	}
	if err := p.awaitPort(ctx, address, listenTimeout); err != nil {
		_ = p.stop()
		return nil, err
	}
	return &Server{Address: address, process: p}, nil
}

// awaitReady returns when an ingester can store events, or is not ready after so long.
func (s *Server) awaitReady(ctx context.Context, within time.Duration) error {
	late := fmt.Errorf("%s listens, but was not ready after %s: see %s", s.process.Cmd.Path, within, s.process.log)
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
		if err := s.process.pause(ctx); err != nil {
			return err
		}
	}
}

// PID is the process's, 0 if the server ran already.
func (s *Server) PID() int {
	if s.process == nil {
		return 0
	}
	return s.process.PID()
}

// Stop ends a server that was started, cleanly, and waits for it.
func (s *Server) Stop() error {
	if s.process == nil {
		return nil
	}
	return s.process.stop()
}

// HasFlag tells whether the ingester knows a flag. An older binary may not: scenarios with a flag of a later version are left
// out then.
func HasFlag(ctx context.Context, binary, flag string) bool {
	ctx, cancel := context.WithTimeout(ctx, helpTimeout)
	defer cancel()
	ask := exec.CommandContext(ctx, binary, "serve", "--help")
	ask.WaitDelay = time.Second // a child of it may hold its output open
	name, _, _ := strings.Cut(flag, "=")
	help, err := ask.CombinedOutput()
	return err == nil && strings.Contains(string(help), name+"=")
}
