package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"ingot/internal/localpg"
)

const (
	prefix = "ingot-pgtest-"

	// sweepAge spares the folder of a test binary that has not locked it yet.
	sweepAge = 10 * time.Minute
)

// makeFolder makes a folder that the server's user can enter, and returns the place for the data in it.
func makeFolder() (string, error) {
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return "", fmt.Errorf("make folder: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", fmt.Errorf("make folder: %w", err)
	}
	return filepath.Join(dir, "data"), nil
}

func start(ctx context.Context, opts localpg.Options) (*localpg.Server, error) {
	srv, err := localpg.Start(ctx, opts)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(filepath.Dir(opts.DataDir)))
	}
	return srv, nil
}

// stop removes the data and the folder made for them. Between the two nobody has the folder locked: it is young again, so
// that no other run sweeps it.
func stop(srv *localpg.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	now := time.Now()
	if err := os.Chtimes(filepath.Dir(srv.DataDir()), now, now); err != nil {
		return err
	}
	if err := srv.Stop(ctx); err != nil {
		return err
	}
	return discard(ctx, srv.DataDir())
}

func discard(ctx context.Context, data string) error {
	err := localpg.Discard(ctx, data)
	if top := filepath.Dir(data); err == nil && isOurs(top) {
		err = os.Remove(top)
	}
	return err
}

func isOurs(top string) bool {
	ours, err := filepath.Match(prefix+"*", filepath.Base(top))
	return err == nil && ours
}

// sweep removes what test binaries left that were killed. Discard refuses folders in use; what cannot be
// removed is left to the next run.
func sweep(ctx context.Context) {
	found, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	for _, top := range found {
		if info, err := os.Stat(top); err == nil && time.Since(info.ModTime()) > sweepAge {
			_ = discard(ctx, filepath.Join(top, "data"))
		}
	}
}
