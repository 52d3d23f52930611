package localpg

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
)

const (
	port     = "5432" // names the socket file; nothing listens on the network
	roleName = "ingot"
)

// socketFolder is the folder of the socket. Its path is short, since a socket's path may have 107 bytes (103 on
// macOS) and a data folder's has no such limit. It is the same for every start, so that a URL stays good. It does
// not lie below $TMPDIR, which differs from shell to shell.
func socketFolder(dir string) string {
	return filepath.Join("/tmp", "ingot-"+shortHash(dir))
}

// makeSocketFolder makes the folder, and refuses one that belongs to somebody else: its owner could put a server of
// theirs behind our URL.
func makeSocketFolder(path string, o owner) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make socket folder: %w", err)
	}
	if err := refuseForeign(path, o); err != nil {
		return err
	}
	if err := os.Chmod(path, 0o700); err != nil {
		return fmt.Errorf("make socket folder: %w", err)
	}
	if err := o.give(path); err != nil {
		return fmt.Errorf("give socket folder to user %s: %w", o.name, err)
	}
	return nil
}

// refuseForeign returns an error if path is no folder, or neither the owner's nor ours.
func refuseForeign(path string, o owner) error {
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("look at socket folder: %w", err)
	}
	if got, ok := fileOwner(path); !ok || !info.IsDir() || (got.uid != o.uid && got.uid != os.Geteuid()) {
		return fmt.Errorf("socket folder %s belongs to another user (%s): remove it", path, got.name)
	}
	return nil
}

func socketFile(folder string) string { return filepath.Join(folder, ".s.PGSQL."+port) }

// socketLock is the file in which a server says that a socket is its own.
func socketLock(folder string) string { return socketFile(folder) + ".lock" }

// removeStaleLock removes the lock that a killed server has left: postgres would believe it if its pid is anybody's by now, a
// zombie's too, or that of a server of other data. It leaves that of a server which listens: one whose data folder was moved
// away still has its socket here, and clients.
func removeStaleLock(folder string) error {
	c, err := net.Dial("unix", socketFile(folder))
	if err == nil {
		return c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, fs.ErrNotExist) { // a server that is busy, perhaps
		return nil
	}
	if err := os.Remove(socketLock(folder)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the stale lock of a socket: %w", err)
	}
	return nil
}

// removeSocketFolder removes the folder if it is empty: an older server may still be using it.
func removeSocketFolder(path string, o owner) {
	if refuseForeign(path, o) == nil {
		_ = os.Remove(path)
	}
}

// socketURL names the port: otherwise PGPORT in the caller's environment would.
func socketURL(socket string) string {
	query := url.Values{"host": {socket}, "port": {port}}
	return fmt.Sprintf("postgres://%s@/%s?%s", roleName, roleName, query.Encode())
}
