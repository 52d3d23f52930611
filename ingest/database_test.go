package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"

	"ingot/internal/localpg"
)

// TestPrivateWhateverTheShellSays: variables that are meant for the user's own servers keep nobody
// from the private one.
func TestPrivateWhateverTheShellSays(t *testing.T) {
	t.Setenv("PGSERVICE", "elsewhere")
	t.Setenv("PGTARGETSESSIONATTRS", "standby")
	dir, err := os.MkdirTemp("", "ingot-private-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // for the server's user
		t.Fatal(err)
	}
	d, err := openDatabase(t.Context(), config{DataDir: dir, DatabaseWait: time.Second}, zap.NewNop())
	if errors.Is(err, localpg.ErrNoBinaries) && os.Getenv("INGOT_REQUIRE_POSTGRES") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.close()
}

// TestStopDuringTheStart is a clean stop: nothing is left that was promised.
func TestStopDuringTheStart(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	c := config{Listen: "127.0.0.1:0", DatabaseURL: "postgres://nobody@127.0.0.1:1/none", DatabaseWait: time.Minute}
	if err := run(ctx, c, zap.NewNop()); err != nil {
		t.Error(err)
	}
}
