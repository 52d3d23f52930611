package localpg

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// folderLock keeps a second process off the data folder. Without the lock that process would find the first one's
// socket, and write to a server that the first one may stop.
type folderLock struct{ file *os.File }

func lockFolder(h home) (*folderLock, error) {
	// O_NOFOLLOW: root may be writing into a user's folder.
	f, err := os.OpenFile(filepath.Join(h.dir, "lock"), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
	if errors.Is(err, fs.ErrPermission) {
		other, _ := fileOwner(h.dir)
		return nil, fmt.Errorf("data folder %s belongs to another user (%s): run as that user, or choose another folder: %w",
			h.dir, other.name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := takeLock(f, h); err != nil {
		_ = f.Close()
		return nil, err
	}
	return &folderLock{file: f}, nil
}

func takeLock(f *os.File, h home) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("data folder %s is in use by another ingest%s", h.dir, holder(f))
	}
	if err != nil {
		return fmt.Errorf("lock data folder: %w", err)
	}
	if h.owner.drop {
		if err := f.Chown(h.owner.uid, h.owner.gid); err != nil {
			return fmt.Errorf("give lock to user %s: %w", h.owner.name, err)
		}
	}
	return writePID(f)
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	if _, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		return fmt.Errorf("write lock: %w", err)
	}
	return nil
}

// holder is what the owner of the lock wrote into it: " (pid 12)", or "" if nothing is written yet.
func holder(f *os.File) string {
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if pid := strings.TrimSpace(string(b)); err == nil && pid != "" {
		return " (pid " + pid + ")"
	}
	return ""
}

// stillIn returns an error if the folder is not the one that was locked: somebody has moved or removed that beneath
// the server. The folder there now may be another process's, whose server must not be touched.
func (l *folderLock) stillIn(h home) error {
	locked, err := l.file.Stat()
	if err != nil {
		return fmt.Errorf("look at the lock: %w", err)
	}
	if there, err := os.Stat(filepath.Join(h.dir, "lock")); err != nil || !os.SameFile(locked, there) {
		return fmt.Errorf("data folder %s was moved or removed while it was in use", h.dir)
	}
	return nil
}

// release unlocks the file before it closes it: a child between fork and exec still has the file open, and closing
// alone would leave it locked.
func (l *folderLock) release() error {
	err := unix.Flock(int(l.file.Fd()), unix.LOCK_UN)
	if err := errors.Join(err, l.file.Close()); err != nil {
		return fmt.Errorf("unlock data folder: %w", err)
	}
	return nil
}
