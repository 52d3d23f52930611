package localpg

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestKillNineOfTheParentLeavesNoPostgres(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	c := startChild(t, thisBinary(t), dir, nil)
	majors, err := clusters(dir)
	check(t, err)
	path := clusterPath(dir, majors[0])
	all := backends(path)
	if len(all) < 3 {
		t.Fatalf("backends: %v, want a postmaster and its helpers", all)
	}
	ends := openProcesses(t, all)
	check(t, c.cmd.Process.Kill())
	awaitEnds(t, ends)
	equal(t, "processes left", len(backends(path)), 0)
	check(t, Discard(testContext(t), dir))
}

func TestARestartRightAfterAKillWaitsForTheOldServer(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	c := startChild(t, thisBinary(t), dir, nil)
	check(t, c.cmd.Process.Kill())
	_ = c.cmd.Wait() // its lock is free now, its postgres may still be stopping
	srv := start(t, Options{DataDir: dir, NoFsync: true})
	equal(t, "URL", srv.URL(), c.url)
	equal(t, "same pid", srv.PID() == c.pg, false)
}

// TestAServerThatStandsStillIsStopped, whoever was stopped with SIGSTOP, and loses nothing.
func TestAServerThatStandsStillIsStopped(t *testing.T) {
	t.Parallel()
	for name, alone := range map[string]bool{"the postmaster": true, "all of it": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := start(t, Options{DataDir: dataDir(t), NoFsync: true})
			busy := occupy(t, srv)
			still(t, srv.PID(), srv.cluster.path, alone)
			check(t, srv.Stop(testContext(t)))
			awaitGone(t, busy)
		})
	}
}

// TestAServerThatStandsStillIsTakenOver, when the process that ran it is gone.
func TestAServerThatStandsStillIsTakenOver(t *testing.T) {
	t.Parallel()
	takeOverStill(t, false)
}

// TestAPostmasterThatStandsStillIsTakenOver, also where init is of its session, as in some containers: elsewhere the kernel
// wakes it, since nobody of its session is left who could (POSIX calls its process group orphaned).
func TestAPostmasterThatStandsStillIsTakenOver(t *testing.T) { // not parallel: other tests' orphans would be this process's as well
	check(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	defer func() { check(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)) }()
	postmaster := takeOverStill(t, true)
	_, err := unix.Wait4(postmaster, nil, 0, nil)
	check(t, err)
}

// takeOverStill kills the process that runs a server which was stopped, and starts another.
func takeOverStill(t *testing.T, alone bool) (postmaster int) {
	t.Helper()
	dir := dataDir(t)
	c := startChild(t, thisBinary(t), dir, nil)
	majors, err := clusters(dir)
	check(t, err)
	still(t, c.pg, clusterPath(dir, majors[0]), alone)
	check(t, c.cmd.Process.Kill())
	_ = c.cmd.Wait()
	srv := start(t, Options{DataDir: dir, NoFsync: true})
	equal(t, "same pid", srv.PID() == c.pg, false)
	return c.pg
}

// TestWhatDoesNotEndInHalfOfTheTimeIsEndedAtOnce: a server that waits for its archive, and a backend that does not hear. No time
// is left here, so that nothing is waited for.
func TestWhatDoesNotEndInHalfOfTheTimeIsEndedAtOnce(t *testing.T) {
	t.Parallel()
	srv := start(t, Options{DataDir: dataDir(t), NoFsync: true, Settings: map[string]string{
		"archive_mode": "on", "archive_command": "sleep 60",
	}})
	query(t, srv, "SELECT pg_switch_wal()::text")
	const nobody = 1 << 30 // a process that there is not
	equal(t, "the first signal", srv.cluster.tellToStop(nobody, time.Now().Add(hang), 0), syscall.SIGINT)
	takeOver := func() {
		t.Helper()
		if err := srv.cluster.takeOver(testContext(t), time.Now().Add(-hang)); err == nil || !strings.Contains(err.Error(), "is still held") {
			t.Errorf("take over: %v", err)
		}
	}
	p := srv.current()
	takeOver()
	if !p.EndsWithin(testContext(t), hang/4) {
		t.Error("the server was asked once more")
	}
	check(t, srv.Restart(testContext(t)))
	busy := occupy(t, srv)
	srv.Kill()
	still(t, srv.PID(), srv.cluster.path, false)
	takeOver()
	awaitGone(t, busy)
}

// still stops a postmaster, alone or with its backends.
func still(t *testing.T, postmaster int, cluster string, alone bool) {
	t.Helper()
	pids := []int{postmaster}
	if !alone {
		pids = backends(cluster)
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil && err != syscall.ESRCH { // a backend may have ended since
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	}
}

func TestAnInterruptedInitdbIsForgotten(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	c := launchChild(t, thisBinary(t), dir, nil)
	awaitInitdb(t, dir)
	check(t, c.cmd.Process.Kill())
	_ = c.cmd.Wait()
	left := filepath.Join(dir, "99.init-1", "base") // initdb may have lived to clean up; this one did not
	check(t, os.MkdirAll(left, 0o700))
	srv := start(t, Options{DataDir: dir, NoFsync: true})
	equal(t, "database", query(t, srv, "SELECT current_database()"), "ingot")
	if found, _ := filepath.Glob(filepath.Join(dir, "*.init-*")); len(found) > 0 {
		t.Errorf("left over: %v", found)
	}
}

func TestCtrlCReachesTheParentOnly(t *testing.T) {
	t.Parallel()
	c := startChild(t, thisBinary(t), dataDir(t), nil)
	group, err := unix.Getpgid(c.pg)
	check(t, err)
	equal(t, "postgres' process group", group, c.pg)
	check(t, syscall.Kill(-c.cmd.Process.Pid, syscall.SIGINT))
	equal(t, "answer", c.ask(t, "alive?"), "alive true")
	equal(t, "answer", c.ask(t, "stop"), "stopped <nil>")
}

func TestAPlainUserNeedsNoRoot(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user; the other tests ran as a plain one")
	}
	u, err := user.Lookup("nobody") // not the one that root takes by itself
	check(t, err)
	o := owner{name: u.Username, drop: true}
	_, err = fmt.Sscan(u.Uid+" "+u.Gid, &o.uid, &o.gid)
	check(t, err)
	dir := dataDir(t)
	check(t, o.give(filepath.Dir(dir)))
	program := copyFile(t, thisBinary(t), dir+".test")
	c := startChild(t, program, dir, &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)})
	equal(t, "answer", c.ask(t, "stop"), "stopped <nil>")
	srv := start(t, Options{DataDir: dir, NoFsync: true}) // and root leaves their data theirs
	equal(t, "owner", srv.cluster.home.owner.name, o.name)
	equal(t, "URL", srv.URL(), c.url)
}

func TestRootMovesDataOutOfAClosedHome(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root becomes another user")
	}
	closed := t.TempDir()
	check(t, os.Chmod(closed, 0o700))
	opts := Options{DataDir: filepath.Join(closed, "data"), NoFsync: true}
	srv := start(t, opts)
	t.Cleanup(func() { check(t, os.RemoveAll(srv.DataDir())) })
	t.Cleanup(func() { check(t, srv.Stop(testContext(t))) })
	equal(t, "folder", filepath.Dir(srv.DataDir()), rootHome)
	if !strings.Contains(srv.Notice(), "cannot enter "+opts.DataDir) {
		t.Errorf("notice: %q", srv.Notice())
	}
	query(t, srv, `CREATE TABLE kept AS SELECT 'here' AS word`)
	check(t, srv.Stop(testContext(t)))
	check(t, os.Chmod(closed, 0o755)) // the home opens: the data must not seem to be gone
	check(t, os.Chmod(filepath.Dir(closed), 0o755))
	again := start(t, opts)
	equal(t, "folder", again.DataDir(), srv.DataDir())
	equal(t, "word", query(t, again, `SELECT word FROM kept`), "here")
}

func TestAForeignSocketFolderIsRefused(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	dir := filepath.Join(t.TempDir(), "socket")
	check(t, os.Mkdir(dir, 0o777))
	o, err := ownerFor("")
	check(t, err)
	check(t, os.Chown(dir, o.uid+1, 0))
	if err := makeSocketFolder(dir, o); err == nil {
		t.Errorf("a folder of uid %d was taken for %s's", o.uid+1, o.name)
	}
	removeSocketFolder(dir, o) // as a start does that has failed
	check(t, os.Remove(dir))
	check(t, os.Symlink("/", dir))
	if err := makeSocketFolder(dir, o); err == nil {
		t.Error("a link was taken for a folder")
	}
}

// TestACopyOfRootsIsGivenAwayFromBelow: a start that is cut off in the middle leaves the folder root's, so that the next one
// goes on.
func TestACopyOfRootsIsGivenAwayFromBelow(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "15")
	check(t, os.MkdirAll(filepath.Join(dir, "base", "1"), 0o700))
	check(t, os.WriteFile(filepath.Join(dir, "base", "1", "2"), nil, 0o600))
	var given []string
	check(t, giveEach(dir, func(path string) error { given = append(given, path); return nil }))
	equal(t, "files", len(given), 4)
	equal(t, "last", given[len(given)-1], dir)
	cut := errors.New("cut off")
	given = nil
	err := giveEach(dir, func(path string) error {
		given = append(given, path)
		if len(given) == 2 {
			return cut
		}
		return nil
	})
	if !errors.Is(err, cut) || slices.Contains(given, dir) {
		t.Errorf("%v, given: %v", err, given)
	}
}

// openProcesses holds on to processes that are not our children, whatever becomes of their numbers.
func openProcesses(t *testing.T, pids []int) []int {
	t.Helper()
	var fds []int
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		check(t, err)
		t.Cleanup(func() { _ = unix.Close(fd) })
		fds = append(fds, fd)
	}
	return fds
}

func awaitEnds(t *testing.T, fds []int) {
	t.Helper()
	for _, fd := range fds {
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(hang.Milliseconds()))
			if err == unix.EINTR {
				continue
			}
			check(t, err)
			if n == 0 {
				t.Fatal("a process has not ended")
			}
			break
		}
	}
}
