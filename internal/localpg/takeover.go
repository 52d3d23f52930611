package localpg

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// pidfile is what a server tells about itself in postmaster.pid.
type pidfile struct {
	pid    int    // 0: there is no server, or the file cannot be read
	socket string // folder of the socket
	ready  bool
}

// pidfilePath is where the server of a cluster tells it.
func pidfilePath(cluster string) string { return filepath.Join(cluster, "postmaster.pid") }

func readPidfile(path string) pidfile {
	b, err := os.ReadFile(path)
	if err != nil {
		return pidfile{}
	}
	// pid, data folder, start time, port, socket folder, address, shared memory, state
	lines := strings.Split(string(b), "\n")
	var f pidfile
	f.pid, _ = strconv.Atoi(strings.TrimSpace(lines[0]))
	f.pid = max(f.pid, -f.pid) // negative if postgres --single runs
	if len(lines) >= 5 {
		f.socket = lines[4]
	}
	f.ready = len(lines) >= 8 && strings.TrimSpace(lines[7]) == "ready"
	return f
}

// takeOver waits until nothing of an older server is left in the cluster. This process holds the lock of the
// folder, so the process that ran the older server is gone. The older server is
//
//  1. still stopping, as the death of that process told it to. Its socket shows that it is one of ours, so it is told
//     once more to stop (where the death tells nothing, this is the first time), and after half of the time to stop at
//     once;
//  2. somebody's own postgres on our data, say for maintenance: takeOver waits for it, and never touches it;
//  3. dead, but with backends that have not noticed. They are ended, since the shared memory is in use as long as one of
//     them is there;
//  4. dead altogether. If its postmaster.pid is still there, its pid is that of a zombie or a stranger. The file is
//     removed, since postgres would believe it.
func (c *cluster) takeOver(ctx context.Context, deadline time.Time) error {
	begun := time.Now()
	half := begun.Add(deadline.Sub(begun) / 2)
	var sent syscall.Signal
	for {
		f := readPidfile(pidfilePath(c.path))
		alive := f.pid != 0 && isPostmaster(f.pid, c.path)
		if alive && f.socket == c.socket {
			sent = c.tellToStop(f.pid, half, sent)
		}
		if !alive && c.endBackends(half) == 0 {
			return c.removePidfile()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("data folder %s is still held by an older postgres (pid %d) after %v",
				c.home.dir, f.pid, time.Since(begun).Round(time.Second))
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("wait for older postgres: %w", err)
		}
	}
}

// tellToStop tells an older server to shut down fast, or after half of the time at once. Each signal is sent once; sent is the
// last that was.
func (c *cluster) tellToStop(pid int, half time.Time, sent syscall.Signal) syscall.Signal {
	sig := syscall.SIGINT
	if time.Now().After(half) {
		sig = syscall.SIGQUIT
	}
	if sig != sent {
		_ = syscall.Kill(pid, sig)
		c.resume(pid)
	}
	return sig
}

// endBackends ends backends that have no server any more, and says how many there were. Nothing that they could
// still say or do counts. SIGKILL is for those that have not ended by half of the time.
func (c *cluster) endBackends(half time.Time) int {
	sig := syscall.SIGQUIT
	if time.Now().After(half) {
		sig = syscall.SIGKILL
	}
	pids := backends(c.path)
	for _, pid := range pids {
		_ = syscall.Kill(pid, sig)
	}
	return len(pids)
}

func (c *cluster) removePidfile() error {
	err := os.Remove(pidfilePath(c.path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale postmaster.pid: %w", err)
	}
	return nil
}
