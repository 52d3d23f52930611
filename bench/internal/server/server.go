package server

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ingot/internal/subprocess"
)

// Server is something that answers HTTP: an ingester, or the server of a limit.
type Server struct {
	Address string
	Debug   string // address of its profiles; "": it serves none

	process *subprocess.Process // nil: the server ran already
	log     string              // the file of its output
}

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
	s, err := start(ctx, filepath.Join(logDir, "ingest-"+port+".log"), address, binary, args...)
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

// StartLimit runs the server of a limit: this binary, with a hidden command. url is that of its database, "" if it needs none.
func StartLimit(ctx context.Context, binary, logDir, limit, url string) (*Server, error) {
	addresses, err := freeAddresses(1)
	if err != nil {
		return nil, err
	}
	return start(ctx, filepath.Join(logDir, limit+".log"), addresses[0], binary, "limit-server", limit, "--listen", addresses[0], "--database-url", url)
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
