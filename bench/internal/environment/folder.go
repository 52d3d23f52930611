package environment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockFolder keeps a second bench out of a data folder: it would build its ingester over the one that the first is measuring.
// The lock is held until unlock is called, or this process ends.
func lockFolder(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "bench.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return func() { _ = f.Close() }, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("data folder %s is in use by another bench: wait until that ends, or choose another one with --data-dir", dir)
	}
	return nil, fmt.Errorf("lock data folder: %w", err)
}

// freshLogs makes an empty folder for the logs of this run. Those of the run before are kept beside it, and older ones are
// removed: each round has ingesters of its own, whose ports, and so the names of their logs, are new each time. The data
// folder has to be locked.
func freshLogs(dataDir string) (string, error) {
	logs := filepath.Join(dataDir, "logs")
	before := logs + ".before"
	if _, err := os.Stat(logs); err == nil {
		if err := os.RemoveAll(before); err != nil {
			return "", fmt.Errorf("remove old logs: %w", err)
		}
		if err := os.Rename(logs, before); err != nil {
			return "", fmt.Errorf("keep the logs of the run before: %w", err)
		}
	}
	if err := os.Mkdir(logs, 0o755); err != nil {
		return "", fmt.Errorf("make a folder for logs: %w", err)
	}
	return logs, nil
}
