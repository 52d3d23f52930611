package localpg

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ingot/internal/buildtest"
)

// pretend makes a folder with programs that only know their version.
func pretend(t *testing.T, version string) string {
	t.Helper()
	dir := filepath.Join(dataDir(t), "bin")
	check(t, os.MkdirAll(dir, 0o755))
	script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version)
	for _, name := range []string{"postgres", "initdb"} {
		check(t, buildtest.Write(filepath.Join(dir, name), []byte(script)))
	}
	return dir
}

func finderOf(t *testing.T, dirs ...string) *finder {
	t.Helper()
	run, err := ownerFor("")
	check(t, err)
	f := &finder{runAs: run, patience: hang, places: []place{{name: "PG_BIN (not set)"}}}
	for _, dir := range dirs {
		f.places = append(f.places, place{dir, dir})
	}
	return f
}

func TestTheNewestWinsAndTheEarlierAmongEquals(t *testing.T) {
	t.Parallel()
	old, first, second := pretend(t, "15.18 (Debian 15.18-0+deb12u1)"), pretend(t, "17.2"), pretend(t, "17.4")
	b, err := finderOf(t, old, first, second).newest()
	check(t, err)
	equal(t, "binaries", b, Binaries{Dir: first, Major: 17, Version: "17.2"})
	b, err = finderOf(t, first, old).major(15, "data/15")
	check(t, err)
	equal(t, "binaries for existing data", b, Binaries{Dir: old, Major: 15, Version: "15.18"})
}

func TestMissingBinariesTellWhatToType(t *testing.T) {
	t.Parallel()
	old := pretend(t, "14.9")
	_, err := finderOf(t, old, "/nowhere/*/bin").newest()
	want := "no usable PostgreSQL found (15 or newer; looked at PG_BIN (not set), " + old + " (14.9), /nowhere/*/bin): " +
		"run `make postgres` in the project to fetch one, or " + InstallHint() + ", or set PG_BIN"
	if !errors.Is(err, ErrNoBinaries) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestDataOfAMissingMajorAreNotUpgraded(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	check(t, os.MkdirAll(filepath.Join(dir, "12"), 0o755))
	_, err := Start(testContext(t), Options{DataDir: dir})
	if err == nil || !strings.Contains(err.Error(), "12 is not a Postgres cluster") {
		t.Errorf("a folder without PG_VERSION: got %v", err)
	}
	check(t, os.WriteFile(filepath.Join(dir, "12", "PG_VERSION"), []byte("12\n"), 0o644))
	_, err = Start(testContext(t), Options{DataDir: dir})
	if !errors.Is(err, ErrNoBinaries) || !strings.Contains(err.Error(), "needs PostgreSQL 12") || !strings.Contains(err.Error(), "docs/moving.md") {
		t.Errorf("got %v, want PostgreSQL 12 asked for", err)
	}
	check(t, os.RemoveAll(dir))
}

func TestPgBinIsTheOnlyPlaceWhenSet(t *testing.T) { // not parallel: it sets the environment
	t.Setenv("PG_BIN", "/nowhere")
	_, err := Find("/usr/lib/postgresql/15/bin")
	if !errors.Is(err, ErrNoBinaries) || strings.Contains(err.Error(), "15/bin") {
		t.Errorf("got %v, want PG_BIN looked at alone", err)
	}
	run, err := ownerFor("")
	check(t, err)
	_, err = newFinder(nil, run).major(15, "data/15")
	if !errors.Is(err, ErrNoBinaries) || !strings.Contains(err.Error(), "set PG_BIN to one of that major version, or unset it") {
		t.Errorf("got %v, want PG_BIN blamed", err)
	}
}

func TestMemoryAndDiskSetTheBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		memory, disk       uint64
		buffers, walBudget string
	}{
		{0, 0, "512MB", "256MB"},
		{64 * mib, 1 * gib, "32MB", "256MB"},
		{8 * gib, 16 * gib, "2048MB", "2048MB"},
		{512 * gib, 4096 * gib, "8192MB", "8192MB"},
	} {
		equal(t, "shared_buffers", memorySettings(c.memory)["shared_buffers"], c.buffers)
		equal(t, "max_wal_size", logSettings(c.disk)["max_wal_size"], c.walBudget)
	}
}

func TestEverySystemIsToldWhatToType(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		system, release string
		root            bool
		want            string
	}{
		{"linux", "ID=debian\n", true, "run `apt-get install postgresql`"},
		{"linux", "NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", false, "run `sudo apt-get install postgresql`"},
		{"linux", "ID=fedora\nVERSION_ID=42\n", false, "run `sudo dnf install postgresql-server`"},
		{"linux", "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", true, "run `dnf install postgresql-server`"},
		{"linux", "ID=alpine\n", true, "run `apk add postgresql`"},
		{"linux", "ID=plan9\n", true, "install PostgreSQL 15 or newer from your system's packages"},
		{"linux", "", false, "install PostgreSQL 15 or newer from your system's packages"},
		{"darwin", "", false, "run `brew install postgresql@17`"},
	} {
		equal(t, c.system+" "+c.release, hint(c.system, c.release, c.root), c.want)
	}
}

// TestAFetchedPostgresOfSomebodyElseIsNotRun: root's and our own are.
func TestAFetchedPostgresOfSomebodyElseIsNotRun(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	dir := dataDir(t)
	check(t, os.MkdirAll(filepath.Join(dir, fetchedName), 0o755))
	check(t, os.WriteFile(filepath.Join(dir, "go.mod"), nil, 0o644))
	t.Chdir(dir) // so not parallel
	want := filepath.Join(dir, fetchedName)
	listed := func() bool {
		for _, p := range fetchedPlaces() {
			if p.name == want {
				return true
			}
		}
		return false
	}
	if !listed() {
		t.Error("the project's own is not looked at")
	}
	check(t, os.Chown(want, 12345, 12345))
	if listed() {
		t.Error("a stranger's is looked at")
	}
	check(t, os.Chown(want, 0, 0))
	check(t, os.Rename(want, want+".root"))
	check(t, os.Symlink(want+".root", want))
	check(t, os.Lchown(want, 12345, 12345)) // its owner may let it lead elsewhere
	if listed() {
		t.Error("a stranger's link is followed")
	}
}
