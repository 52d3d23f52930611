package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"ingot/ingest/internal/postgres"
	"ingot/internal/localpg"
)

// TestPrivateWhateverTheShellSays: variables that are meant for the user's own servers keep nobody
// from the private one.
func TestPrivateWhateverTheShellSays(t *testing.T) {
	t.Setenv("PGSERVICE", "elsewhere")
	t.Setenv("PGTARGETSESSIONATTRS", "standby")
	dir := privateFolder(t)
	d, err := openDatabase(t.Context(), config{DataDir: dir, DatabaseWait: time.Second}, zap.NewNop())
	if errors.Is(err, localpg.ErrNoBinaries) && os.Getenv("INGOT_REQUIRE_POSTGRES") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.close()
}

// privateFolder is for a private Postgres, also where this process is root.
func privateFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ingot-private-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { // for the server's user
		t.Fatal(err)
	}
	return dir
}

// TestANewDatabaseIsTold: where there should have been one, its disk is not mounted, or the folder is another.
func TestANewDatabaseIsTold(t *testing.T) {
	t.Parallel()
	dir := privateFolder(t)
	for start, want := range []int{1, 0} {
		core, logs := observer.New(zap.InfoLevel)
		d, err := startPrivate(t.Context(), dir, zap.New(core))
		if errors.Is(err, localpg.ErrNoBinaries) && os.Getenv("INGOT_REQUIRE_POSTGRES") != "1" {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		d.close()
		if told := logs.All()[0].Message; told != "starting the private Postgres" { // that takes a while, in which nobody should wonder
			t.Errorf("start %d: told first %q", start, told)
		}
		if n := logs.FilterMessageSnippet("created a new, empty one").Len(); n != want {
			t.Errorf("start %d: told %d times, want %d", start, n, want)
		}
	}
}

// TestAPrivateStandbyIsTold what it is, not to look for a DATABASE_URL that nobody has set.
func TestAPrivateStandbyIsTold(t *testing.T) {
	t.Parallel()
	c := config{DataDir: privateFolder(t), DatabaseWait: time.Minute}
	d, err := openDatabase(t.Context(), c, zap.NewNop())
	if errors.Is(err, localpg.ErrNoBinaries) && os.Getenv("INGOT_REQUIRE_POSTGRES") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.close()
	clusters, _ := filepath.Glob(filepath.Join(c.DataDir, "[0-9]*"))
	if len(clusters) != 1 {
		t.Fatalf("clusters: %v", clusters)
	}
	signal := filepath.Join(clusters[0], "standby.signal")
	if err := os.WriteFile(signal, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if d, err = openDatabase(t.Context(), c, zap.NewNop()); err == nil {
		d.close()
	}
	if want := "the private Postgres in " + c.DataDir + " is a standby"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := os.Remove(signal); err != nil {
		t.Fatal(err)
	}
	if d, err = openDatabase(t.Context(), c, zap.NewNop()); err != nil { // as the message says
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

// TestAWaitThatIsOver says which setting has bounded it.
func TestAWaitThatIsOver(t *testing.T) {
	t.Parallel()
	_, err := openWhenUp(t.Context(), "postgres://nobody@127.0.0.1:1/none", time.Millisecond, zap.NewNop())
	wantSaid(t, err, "127.0.0.1:1", "the time for it is 1ms (--database-wait)")
}

// TestPlaintextIsTold where others could read it.
func TestPlaintextIsTold(t *testing.T) {
	t.Parallel()
	for _, exposed := range []bool{false, true} {
		core, logs := observer.New(zap.InfoLevel)
		report(zap.New(core), "postgres://127.0.0.1/d", postgres.Durability{Fsync: "on", FullPageWrites: "on", Exposed: exposed})
		warned := logs.FilterMessageSnippet("sslmode=verify-full").Len() == 1
		encrypted, said := logs.All()[0].ContextMap()["encrypted"]
		if warned != exposed || !said || encrypted != false {
			t.Errorf("exposed: %v: %v", exposed, logs.All())
		}
	}
}
