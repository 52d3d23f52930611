package localpg

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestNoDataFolderIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := Start(testContext(t), Options{}); err == nil || err.Error() != "no data folder given" {
		t.Errorf("got %v", err)
	}
}

// TestOneFolderHasOneName, however it is called: the socket's name and root's other folder come from it.
func TestOneFolderHasOneName(t *testing.T) { // not parallel: it changes the working folder
	dir := dataDir(t)
	t.Chdir(filepath.Dir(dir))
	plain, err := openHome(dir)
	check(t, err)
	equal(t, "absolute", filepath.IsAbs(plain.dir), true)
	relative, err := openHome("data")
	check(t, err)
	equal(t, "the same, from where it lies", relative.dir, plain.dir)
	check(t, os.Symlink(dir, "link"))
	link, err := openHome("link")
	check(t, err)
	equal(t, "the same, by a link", link.dir, plain.dir)
	check(t, os.Mkdir("data/15", 0o755))
	equal(t, "holds data", HoldsData("data"), true)
}

// TestTheNameOfAFolderStays from release to release: root's data lie below it, and URLs of sockets have it.
func TestTheNameOfAFolderStays(t *testing.T) {
	t.Parallel()
	equal(t, "socket", socketFolder("/srv/ingot"), "/tmp/ingot-b651b457a47b")
	equal(t, "elsewhere", elsewhere("/srv/ingot"), "/var/lib/ingot/b651b457a47b")
}

// TestANewFolderIsOpenWhateverTheUmask: root's would else be closed to the server's user.
func TestANewFolderIsOpenWhateverTheUmask(t *testing.T) { // not parallel: the umask is everybody's
	dir := dataDir(t)
	defer syscall.Umask(syscall.Umask(0o077))
	h, err := openHome(dir)
	check(t, err)
	info, err := os.Stat(dir)
	check(t, err)
	equal(t, "mode", info.Mode().Perm(), 0o755)
	equal(t, "notice", h.notice, "")
}

// TestNewestClusterFirst: by number, and nothing that only looks like one.
func TestNewestClusterFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"9", "15", "17", "18.init-1", "data"} {
		check(t, os.Mkdir(filepath.Join(dir, name), 0o755))
	}
	check(t, os.WriteFile(filepath.Join(dir, "19"), nil, 0o644))
	majors, err := clusters(dir)
	check(t, err)
	equal(t, "majors", fmt.Sprint(majors), "[17 15 9]")
	if _, err := clusters(filepath.Join(dir, "19")); err == nil {
		t.Error("a file was read as a folder")
	}
}

// TestRootsDataAreFoundWhereTheyAre: once they are elsewhere they stay there, until the folder that is asked for has data.
func TestRootsDataAreFoundWhereTheyAre(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root becomes another user")
	}
	top := filepath.Dir(dataDir(t))
	check(t, os.Chmod(top, 0o700))
	dir := filepath.Join(top, "data")
	other := elsewhere(dir)
	t.Cleanup(func() { check(t, os.RemoveAll(other)) })
	h, err := openHome(dir)
	check(t, err)
	equal(t, "folder", h.dir, other)
	if !strings.Contains(h.notice, "cannot enter "+dir) {
		t.Errorf("notice: %q", h.notice)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("an empty folder is left where the data are not")
	}
	check(t, os.Mkdir(dir, 0o755))
	_, err = openHome(dir)
	check(t, err)
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("somebody's own folder was removed: %v", err)
	}
	check(t, os.Chmod(top, 0o755))
	equal(t, "holds data", HoldsData(dir), false)
	h, err = openHome(dir) // nothing is in the other folder yet
	check(t, err)
	equal(t, "folder", h.dir, dir)
	check(t, os.Mkdir(filepath.Join(other, "15"), 0o755))
	equal(t, "holds data", HoldsData(dir), true)
	h, err = openHome(dir)
	check(t, err)
	equal(t, "folder", h.dir, other)
	if !strings.Contains(h.notice, "since an earlier start") {
		t.Errorf("notice: %q", h.notice)
	}
	check(t, os.Mkdir(filepath.Join(dir, "15"), 0o755))
	h, err = openHome(dir)
	check(t, err)
	equal(t, "folder", h.dir+h.notice, dir)
}
