package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ingot/internal/buildtest"
)

// TestALongRecoveryIsNotBrokenOff while it gets on, for the next one would begin where it did.
func TestALongRecoveryIsNotBrokenOff(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	srv := start(t, Options{DataDir: dir, NoFsync: true})
	slow := filepath.Join(filepath.Dir(dir), "slow")
	check(t, os.Mkdir(slow, 0o755))
	script := fmt.Sprintf(`#!/bin/sh
case "$*" in *" -C "*) ;; *)
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do
		echo "LOG:  redo in progress, elapsed time: $i.00 s, current LSN: 0/0"
		sleep 0.5
	done
esac
exec %s "$@"
`, srv.cluster.bin.program("postgres"))
	check(t, buildtest.Write(filepath.Join(slow, "postgres"), []byte(script)))
	srv.Kill()
	srv.cluster.bin.Dir, srv.cluster.opts.StartTimeout = slow, 5*time.Second
	check(t, srv.Restart(testContext(t)))
	equal(t, "answer", query(t, srv, "SELECT 'here'"), "here")
}

// TestAStartThatIsGivenUpLeavesNoServer, which would go on to get ready, and hold the data.
func TestAStartThatIsGivenUpLeavesNoServer(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	srv := start(t, Options{DataDir: dir, NoFsync: true})
	never := filepath.Join(filepath.Dir(dir), "never")
	check(t, os.Mkdir(never, 0o755))
	check(t, srv.cluster.home.owner.give(never))
	real, told := srv.cluster.bin, filepath.Join(never, "pid")
	script := fmt.Sprintf(`#!/bin/sh
case "$*" in *" -C "*) exec %s "$@"; esac
echo $$ >%s.new
mv %s.new %s
exec sleep 1000
`, real.program("postgres"), told, told, told)
	check(t, buildtest.Write(filepath.Join(never, "postgres"), []byte(script)))
	srv.Kill()
	srv.cluster.bin.Dir = never
	ctx, cancel := context.WithCancel(testContext(t))
	var wg sync.WaitGroup
	wg.Go(func() { // stops when the server is there, or with ctx
		for _, err := os.Stat(told); err != nil && pause(ctx, time.Millisecond) == nil; _, err = os.Stat(told) {
		}
		cancel()
	})
	if err := srv.Restart(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("restart: %v", err)
	}
	wg.Wait()
	b, err := os.ReadFile(told)
	check(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	check(t, err)
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is still there: %v", err)
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	srv.cluster.bin = real
	check(t, srv.Restart(testContext(t)))
}

// TestAMovedFolderIsNotTakenForItsSuccessor: who starts afresh while the old server still runs gets a cluster of their
// own, and the old ingester neither restarts on it, where it would know no key, nor stops its server.
func TestAMovedFolderIsNotTakenForItsSuccessor(t *testing.T) {
	t.Parallel()
	opts := Options{DataDir: dataDir(t), NoFsync: true}
	old, err := Start(testContext(t), opts)
	check(t, err)
	query(t, old, `CREATE TABLE kept AS SELECT 'here' AS word`)
	check(t, os.Rename(opts.DataDir, opts.DataDir+".old"))
	if srv, err := Start(testContext(t), opts); err == nil || !strings.Contains(err.Error(), "already exists") {
		t.Fatalf("a second server on the same socket: %v %v", srv, err)
	}
	old.Kill()
	if err := old.Restart(testContext(t)); err == nil || !strings.Contains(err.Error(), "was moved or removed") {
		t.Errorf("restarted on another's data: %v", err)
	}
	fresh := start(t, opts)
	pid := fresh.PID()
	if err := old.Stop(testContext(t)); err == nil || !strings.Contains(err.Error(), "was moved or removed") {
		t.Errorf("Stop: %v", err)
	}
	equal(t, "pid", fresh.PID(), pid)
	equal(t, "answer", query(t, fresh, "SELECT 'here'"), "here")
	check(t, fresh.Err())
	check(t, Discard(testContext(t), opts.DataDir+".old"))
}

// supervise reports what becomes of a server that is supervised, until the supervision has ended.
func supervise(ctx context.Context, srv *Server) (<-chan Incident, <-chan struct{}) {
	incidents, ended := make(chan Incident), make(chan struct{})
	go func() { // ends with ctx or by Stop; the caller waits on ended
		defer close(ended)
		srv.Supervise(ctx, func(i Incident) { incidents <- i })
	}()
	return incidents, ended
}

func TestSuperviseBringsTheServerBack(t *testing.T) {
	t.Parallel()
	srv := start(t, Options{DataDir: dataDir(t), NoFsync: true})
	incidents, ended := supervise(context.Background(), srv) // until Stop
	for range 3 {
		srv.Kill()
		i := <-incidents
		if i.Err != nil || i.Attempt != 1 || i.Cause == nil {
			t.Errorf("incident: %+v", i)
		}
		equal(t, "one", query(t, srv, "SELECT '1'"), "1")
	}
	check(t, srv.Stop(testContext(t)))
	<-ended
	equal(t, "ended", srv.current().Ended(), true)
}

// TestSuperviseMissesTheSocket: whoever cleans /tmp keeps nobody out for good.
func TestSuperviseMissesTheSocket(t *testing.T) {
	t.Parallel()
	srv := start(t, Options{DataDir: dataDir(t), NoFsync: true})
	query(t, srv, `CREATE TABLE kept AS SELECT 'here' AS word`)
	incidents, ended := supervise(context.Background(), srv) // until Stop
	check(t, os.RemoveAll(srv.cluster.socket))
	select {
	case i := <-incidents:
		if i.Err != nil || !errors.Is(i.Cause, errNoSocket) {
			t.Errorf("incident: %+v", i)
		}
	case <-time.After(hang):
		t.Fatal("nobody has noticed")
	}
	equal(t, "word", query(t, srv, "SELECT word FROM kept"), "here")
	check(t, srv.Stop(testContext(t)))
	<-ended
}

// TestSuperviseDoesNotWaitForAShutdownWithoutEnd, as one is that waits for an archive that takes nothing.
func TestSuperviseDoesNotWaitForAShutdownWithoutEnd(t *testing.T) {
	t.Parallel()
	srv, err := Start(testContext(t), Options{DataDir: dataDir(t), NoFsync: true, StopTimeout: time.Second, Settings: map[string]string{
		"archive_mode": "on", "archive_command": "sleep 1000",
	}})
	check(t, err)
	query(t, srv, `CREATE TABLE kept AS SELECT 'here' AS word`)
	query(t, srv, "SELECT pg_switch_wal()::text")
	incidents, ended := supervise(context.Background(), srv) // until Stop
	check(t, os.RemoveAll(srv.cluster.socket))
	select {
	case i := <-incidents:
		if i.Err != nil || !errors.Is(i.Cause, errNoSocket) || !errors.Is(i.Cause, errTooSlow) {
			t.Errorf("incident: %+v", i)
		}
		equal(t, "one", query(t, srv, "SELECT '1'"), "1")
	case <-time.After(hang):
		t.Error("the old server is waited for")
	}
	if err := srv.Stop(testContext(t)); !errors.Is(err, errTooSlow) {
		t.Errorf("stop: %v", err)
	}
	<-ended
}

func TestSuperviseTriesAgainUntilItWorks(t *testing.T) {
	t.Parallel()
	srv := start(t, Options{DataDir: dataDir(t), NoFsync: true})
	ctx, cancel := context.WithCancel(testContext(t))
	incidents, ended := supervise(ctx, srv)
	control := filepath.Join(srv.cluster.path, "global", "pg_control")
	check(t, os.Rename(control, control+".away"))
	srv.Kill()
	for n := 1; n <= 2; n++ {
		i := <-incidents
		if i.Attempt != n || i.Err == nil || !strings.Contains(i.Err.Error(), "pg_control") {
			t.Errorf("incident: %+v", i)
		}
	}
	check(t, os.Rename(control+".away", control))
	for i := range incidents {
		if i.Err == nil {
			break
		}
	}
	equal(t, "one", query(t, srv, "SELECT '1'"), "1")
	cancel()
	<-ended
	check(t, srv.Restart(testContext(t))) // a server outlives its supervision
	equal(t, "one", query(t, srv, "SELECT '1'"), "1")
}

func TestAStalePidIsNoServer(t *testing.T) {
	t.Parallel()
	opts := Options{DataDir: dataDir(t), NoFsync: true, HandoverTimeout: hang}
	srv := start(t, opts)
	startOver := func(pid int) {
		check(t, srv.Stop(testContext(t)))
		writePidfile(t, srv, pid)
		srv = start(t, opts)
	}

	zombie := exec.Command("true")
	out, err := zombie.StdoutPipe()
	check(t, err)
	check(t, zombie.Start())
	defer func() { _ = zombie.Wait() }() // only now is it reaped
	_, _ = out.Read(make([]byte, 1))     // end of file: it has ended
	startOver(zombie.Process.Pid)

	stranger := srv.cluster.home.owner.command("sleep", "1000")
	check(t, stranger.Start())
	defer func() { _ = stranger.Wait() }()
	defer func() { _ = stranger.Process.Kill() }()
	startOver(stranger.Process.Pid)
	check(t, stranger.Process.Signal(os.Interrupt)) // it is still there: nobody stopped it

	another := start(t, Options{DataDir: dataDir(t), NoFsync: true})
	startOver(another.PID())
	equal(t, "one", query(t, another, "SELECT '1'"), "1")
}

// writePidfile leaves the files a crashed server leaves: its own, and its socket's.
func writePidfile(t *testing.T, srv *Server, pid int) {
	t.Helper()
	c := srv.cluster
	begin := fmt.Sprintf("%d\n%s\n1700000000\n5432\n%s\n", pid, c.path, c.socket)
	check(t, makeSocketFolder(c.socket, c.home.owner))
	for path, text := range map[string]string{
		pidfilePath(c.path):  begin + "\n     1         0\nready   \n",
		socketLock(c.socket): begin,
	} {
		check(t, os.WriteFile(path, []byte(text), 0o600))
		check(t, c.home.owner.give(path))
	}
}

func TestAServerNotOursIsWaitedForAndLeftAlone(t *testing.T) {
	t.Parallel()
	opts := Options{DataDir: dataDir(t), NoFsync: true, HandoverTimeout: 50 * time.Millisecond}
	srv := start(t, opts)
	check(t, srv.Stop(testContext(t)))
	c := srv.cluster
	c.socket = filepath.Dir(opts.DataDir) + "/own" // as an administrator would, for maintenance
	p, err := c.start(testContext(t))
	check(t, err)
	defer func() { check(t, c.halt(testContext(t), p, hang)) }()
	if _, err := Start(testContext(t), opts); err == nil || !strings.Contains(err.Error(), "still held by an older postgres") {
		t.Errorf("got %v, want a refusal", err)
	}
	equal(t, "ended", p.Ended(), false)
}
