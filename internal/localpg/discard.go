package localpg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Discard removes a data folder and all that belongs to it, for tests. It refuses a folder in use. If the process
// that started a server there has died, Discard waits until the server is gone.
func Discard(ctx context.Context, dataDir string) error {
	dir, err := filepath.EvalSymlinks(dataDir)
	if err != nil {
		return fmt.Errorf("resolve data folder: %w", err)
	}
	lock, err := lockFolder(home{dir: dir})
	if err != nil {
		return err
	}
	if err := vacate(ctx, dir); err != nil {
		return errors.Join(err, lock.release())
	}
	return errors.Join(os.RemoveAll(dir), os.RemoveAll(socketFolder(dir)), lock.release())
}

func vacate(ctx context.Context, dir string) error {
	majors, err := clusters(dir)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(Options{}.withDefaults().HandoverTimeout)
	for _, major := range majors {
		c := cluster{home: home{dir: dir}, path: clusterPath(dir, major), socket: socketFolder(dir)}
		if err := c.takeOver(ctx, deadline); err != nil {
			return err
		}
	}
	return nil
}
