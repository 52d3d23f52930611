package localpg

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

const (
	strangerUID = 12345 // without a name in passwd
	strangerGID = 12346
)

// TestTheDataSayWhoRunsTheServer: the newest cluster does. What is root's says nothing.
func TestTheDataSayWhoRunsTheServer(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		o, err := ownerFor("")
		check(t, err)
		equal(t, "owner", o, self())
		return
	}
	dir := t.TempDir()
	usual, err := ownerFor(dir)
	check(t, err)
	for _, c := range []struct {
		cluster  string
		uid, gid int
		want     owner
	}{
		{"15", 0, 0, usual},
		{"16", strangerUID, strangerGID, owner{name: fmt.Sprint("uid ", strangerUID), uid: strangerUID, gid: strangerGID, drop: true}},
		{"17", strangerUID + 1, 0, owner{name: fmt.Sprint("uid ", strangerUID+1), uid: strangerUID + 1, drop: true}},
		{"18", 0, 0, usual},
	} {
		path := filepath.Join(dir, c.cluster)
		check(t, os.Mkdir(path, 0o700))
		check(t, os.Chown(path, c.uid, c.gid))
		o, err := ownerFor(dir)
		check(t, err)
		equal(t, "owner with "+c.cluster, o, c.want)
	}
	only := t.TempDir()
	check(t, os.Mkdir(filepath.Join(only, "15"), 0o700))
	check(t, os.Chown(filepath.Join(only, "15"), strangerUID, strangerGID))
	o, err := ownerFor(only)
	check(t, err)
	equal(t, "uid with one cluster", o.uid, strangerUID)
	file := filepath.Join(dir, "file")
	check(t, os.WriteFile(file, nil, 0o600))
	if _, err := ownerFor(file); err == nil {
		t.Error("a file was taken for a data folder")
	}
}

// TestRootIsNobodysServer: the first user that there is, but for root.
func TestRootIsNobodysServer(t *testing.T) {
	t.Parallel()
	o, err := firstUser("no-such-user", "root", "nobody")
	check(t, err)
	equal(t, "user", o.name, "nobody")
	if o, err := firstUser("root"); err == nil {
		t.Errorf("got %+v", o)
	}
	if _, err := user.Lookup("postgres"); err == nil && os.Geteuid() == 0 {
		o, err := ownerFor("")
		check(t, err)
		equal(t, "user", o.name, "postgres")
	}
}

// TestWhatIsRunAsTheOwner has the owner's rights alone, a folder that everybody may enter, and nothing of the caller's settings,
// nor of root's secrets.
func TestWhatIsRunAsTheOwner(t *testing.T) { // not parallel: it sets the environment
	for _, name := range []string{"PGPORT", "LANG", "LC_TIME", "LC_ALL"} {
		t.Setenv(name, "caller's")
	}
	t.Setenv("OTHER", "caller's")
	t.Setenv("LD_LIBRARY_PATH", "/kept")
	o, other := self(), "caller's"
	if o.uid == 0 {
		o, other = owner{uid: strangerUID, gid: strangerGID, drop: true}, ""
	}
	said, err := o.command("/bin/sh", "-c", `echo "$(id -u) $(id -g) $(pwd) $PGPORT$LANG$LC_TIME$LC_ALL $LD_LIBRARY_PATH $OTHER"`).Output()
	check(t, err)
	equal(t, "it says", strings.TrimSuffix(string(said), "\n"), fmt.Sprintf("%d %d / C /kept %s", o.uid, o.gid, other))
}

// TestRootsCopyIsGivenAway, as one from a backup is, and what is the owner's already is not looked through again.
func TestRootsCopyIsGivenAway(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a folder away")
	}
	dir := filepath.Join(t.TempDir(), "15")
	file := filepath.Join(dir, "file")
	check(t, os.Mkdir(dir, 0o700))
	check(t, os.WriteFile(file, nil, 0o600))
	check(t, self().giveAll(dir))
	o := owner{name: "stranger", uid: strangerUID, gid: strangerGID, drop: true}
	of := func(path string) string {
		got, _ := fileOwner(path)
		return fmt.Sprint(got.uid, " ", got.gid)
	}
	equal(t, "owner of what is root's", of(file), "0 0")
	check(t, o.giveAll(dir))
	equal(t, "owner of the folder", of(dir), fmt.Sprint(strangerUID, " ", strangerGID))
	equal(t, "owner of the file", of(file), fmt.Sprint(strangerUID, " ", strangerGID))
	check(t, os.Chown(file, 0, 0))
	check(t, o.giveAll(dir))
	equal(t, "owner of a file that somebody has put there since", of(file), "0 0")
}
