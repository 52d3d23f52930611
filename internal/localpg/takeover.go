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
	pid    int    // 0: no server, or none that can be read
	socket string // folder
	ready  bool
}

func readPidfile(cluster string) pidfile {
	b, err := os.ReadFile(filepath.Join(cluster, "postmaster.pid"))
	if err != nil {
		return pidfile{}
	}
	// pid, data folder, start time, port, socket folder, address, shared memory, state
	lines := strings.Split(string(b), "\n")
	var f pidfile
	f.pid, _ = strconv.Atoi(strings.TrimSpace(lines[0]))
	f.pid = max(f.pid, -f.pid) // negative for postgres --single
	if len(lines) >= 5 {
		f.socket = lines[4]
	}
	f.ready = len(lines) >= 8 && strings.TrimSpace(lines[7]) == "ready"
	return f
}

// takeOver waits until nothing of an older server is left in the cluster. We hold the folder's lock,
// so that server has lost its ingester. It is
//
//  1. still stopping, as its parent's death told it to: ours, by its socket, so it is told once more
//     (where death tells nothing, this is the order), and after half of the time told to drop
//     everything;
//  2. somebody's own postgres on our data, say for maintenance: waited for, never touched;
//  3. dead, with backends that have not noticed: they are ended, since as long as one is there the
//     shared memory is in use;
//  4. dead altogether, and its pid in postmaster.pid a zombie's or a stranger's: the file is removed,
//     since postgres would believe it.
func (c *cluster) takeOver(ctx context.Context, deadline time.Time) error {
	begun := time.Now()
	half := begun.Add(deadline.Sub(begun) / 2)
	var sent syscall.Signal
	for {
		f := readPidfile(c.path)
		alive := f.pid != 0 && isPostmaster(f.pid, c.path)
		if alive && f.socket == c.socket {
			sent = sendOnce(f.pid, stopSignal(half), sent)
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

func stopSignal(half time.Time) syscall.Signal {
	if time.Now().After(half) {
		return syscall.SIGQUIT
	}
	return syscall.SIGINT
}

func sendOnce(pid int, sig, sent syscall.Signal) syscall.Signal {
	if sig != sent {
		_ = syscall.Kill(pid, sig)
	}
	return sig
}

// endBackends says how many were there. They have no server any more, so nothing they could still
// say or do counts; SIGKILL is for one that does not listen.
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
	err := os.Remove(filepath.Join(c.path, "postmaster.pid"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove stale postmaster.pid: %w", err)
	}
	return nil
}
