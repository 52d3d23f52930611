package localpg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ingot/internal/buildtest"
)

// program writes a script that stands for a program of Postgres.
func program(t *testing.T, path, script string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, buildtest.Write(path, []byte("#!/bin/sh\n"+script+"\n")))
}

const (
	short = 100 * time.Millisecond // the patience with a program that hangs
	hangs = "exec sleep 1000"
)

// TestAProgramThatHangsIsNamed rather than waited for.
func TestAProgramThatHangsIsNamed(t *testing.T) {
	t.Parallel()
	bad := pretend(t, "17.2")
	program(t, filepath.Join(bad, "postgres"), hangs)
	f := finderOf(t, bad)
	f.patience = short
	_, err := f.newest()
	want := bad + " (user " + f.runAs.name + " cannot run postgres --version: no answer within 100ms)"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestAPgConfigThatHangsIsNamed, and one that fails is.
func TestAPgConfigThatHangsIsNamed(t *testing.T) { // not parallel: it sets the environment
	dir := t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	program(t, filepath.Join(dir, "pg_config"), hangs)
	equal(t, "place", configPlace(short), place{name: "pg_config --bindir (no answer within 100ms)"})
	program(t, filepath.Join(dir, "pg_config"), "exit 3")
	equal(t, "place", configPlace(hang), place{name: "pg_config --bindir (exit status 3)"})
	t.Setenv("PATH", t.TempDir())
	equal(t, "place", configPlace(hang), place{name: "pg_config --bindir"})
}

// TestAServerThatHangsWhenItIsAskedIsNamed: what it was built with is asked at each start.
func TestAServerThatHangsWhenItIsAskedIsNamed(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	program(t, filepath.Join(dir, "postgres"), hangs)
	run, err := ownerFor("")
	check(t, err)
	c := cluster{home: home{dir: dir, owner: run}, bin: Binaries{Dir: dir}, path: dir, opts: Options{StartTimeout: short}}
	begun := time.Now()
	_, err = c.arguments(testContext(t))
	if err == nil || err.Error() != "ask for wal_compression: run postgres: no answer within 100ms" || time.Since(begun) > hang/2 {
		t.Errorf("after %v: %v", time.Since(begun), err)
	}
	c.opts.StartTimeout = hang
	program(t, filepath.Join(dir, "postgres"), "exit 1") // as one that was built without it
	compression, err := c.walCompression(testContext(t))
	check(t, err)
	equal(t, "compression", compression, "off")
}
