package localpg

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWherePostgresIsLookedFor, and in which order.
func TestWherePostgresIsLookedFor(t *testing.T) { // not parallel: it sets the environment
	asked, config, path, fetched := pretend(t, "17.1"), pretend(t, "17.2"), pretend(t, "17.3"), dataDir(t)
	program(t, filepath.Join(path, "pg_config"), `test "$1" = --bindir && echo `+config)
	inFetched := filepath.Join(fetched, "18", "bin")
	check(t, os.MkdirAll(filepath.Dir(inFetched), 0o755))
	check(t, os.Rename(pretend(t, "17.4"), inFetched))
	t.Setenv("PG_BIN", "")
	t.Setenv("PATH", path+":"+os.Getenv("PATH"))
	t.Setenv(fetchedEnv, fetched)
	run, err := ownerFor("")
	check(t, err)
	var found []string
	for _, b := range newFinder([]string{asked}, run).all() {
		if strings.HasPrefix(b.Version, "17.") && len(b.Version) == 4 {
			found = append(found, b.Dir)
		}
	}
	equal(t, "folders", strings.Join(found, " "), strings.Join([]string{asked, config, path, inFetched}, " "))
}

// TestAFolderWithABracketIsNoPattern.
func TestAFolderWithABracketIsNoPattern(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(dataDir(t), "bin[1]")
	check(t, os.MkdirAll(filepath.Dir(dir), 0o755))
	check(t, os.Rename(pretend(t, "17.2"), dir))
	b, err := finderOf(t, dir).newest()
	check(t, err)
	equal(t, "folder", b.Dir, dir)
}

// TestWhatIsWrongWithAPlaceIsTold.
func TestWhatIsWrongWithAPlaceIsTold(t *testing.T) {
	t.Parallel()
	for want, spoil := range map[string]func(dir string){
		"no initdb":   func(dir string) { check(t, os.Remove(filepath.Join(dir, "initdb"))) },
		"no postgres": func(dir string) { check(t, os.Remove(filepath.Join(dir, "postgres"))) },
		"cannot run postgres --version: exit status 3": func(dir string) {
			program(t, filepath.Join(dir, "postgres"), "echo 'postgres (PostgreSQL) 17.2'; exit 3")
		},
		"reports no version": func(dir string) { program(t, filepath.Join(dir, "postgres"), "echo postgres 17.2") },
	} {
		dir := pretend(t, "17.2")
		spoil(dir)
		if _, err := finderOf(t, dir).newest(); err == nil || !strings.Contains(err.Error(), want+")") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestAPostgresInAClosedFolderIsOfNoUse to the user that root runs the server as.
func TestAPostgresInAClosedFolderIsOfNoUse(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root becomes another user")
	}
	dir := pretend(t, "17.2")
	check(t, os.Chmod(filepath.Dir(dir), 0o700))
	f := finderOf(t, dir)
	if _, err := f.newest(); err == nil || !strings.Contains(err.Error(), "user "+f.runAs.name+" cannot run postgres --version: ") {
		t.Errorf("got %v", err)
	}
	if _, err := Usable(dir); err == nil {
		t.Error("it is said to be usable")
	}
}

// TestWhereAFetchedPostgresGoes: into the project, or where the server's user can get in.
func TestWhereAFetchedPostgresGoes(t *testing.T) {
	t.Parallel()
	dir := filepath.Dir(dataDir(t))
	got, err := FetchFolder(dir)
	check(t, err)
	equal(t, "folder", got, filepath.Join(dir, fetchedName))
	if os.Geteuid() != 0 {
		return // who is not root runs the server as themselves
	}
	check(t, os.Chmod(dir, 0o700))
	got, err = FetchFolder(dir)
	check(t, err)
	equal(t, "folder", got, rootFetched)
}

// TestTheProjectIsFoundFromBelow, since tests run in the folders of their packages; a program that lies outside of one looks
// beside its bin folder alone.
func TestTheProjectIsFoundFromBelow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	below := filepath.Join(dir, "a", "b")
	check(t, os.MkdirAll(below, 0o755))
	equal(t, "root without a module", moduleRoot(below), "")
	check(t, os.WriteFile(filepath.Join(dir, "go.mod"), nil, 0o644))
	equal(t, "root", moduleRoot(below), dir)
	exe, err := os.Executable()
	check(t, err)
	all := projects()
	equal(t, "beside the program", all[len(all)-1], filepath.Join(filepath.Dir(filepath.Dir(exe)), fetchedName))
}
