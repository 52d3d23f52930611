package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ingot/bench/internal/postgres"
	"ingot/internal/pgtest"
)

// TestTwoBenchesInOneFolder: the second one leaves the ingester of the first alone.
func TestTwoBenchesInOneFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	unlock, err := lockFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "logs", "ingest-1.log")
	if err := errors.Join(os.Mkdir(filepath.Dir(log), 0o755), os.WriteFile(log, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	args := []string{"run", "single-64", "--data-dir", dir, "--database-url", "postgres://127.0.0.1:1/none"}
	if code := run(t.Context(), args, output{&out, &out}); code != exitBad || !strings.Contains(out.String(), "in use by another bench") {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "ingest")); err == nil {
		t.Error("an ingester was built over that of the first")
	}
	if _, err := os.Stat(log); err != nil {
		t.Errorf("the first one's log: %v", err)
	}
	unlock()
	if unlock, err = lockFolder(dir); err != nil {
		t.Fatal(err)
	}
	unlock()
}

// TestTwoBenchesOnOnePostgres: the second one, from another folder, leaves the databases of the first alone.
func TestTwoBenchesOnOnePostgres(t *testing.T) {
	t.Parallel()
	admin := pgtest.Durable(t).URL()
	first, err := postgres.OpenCluster(t.Context(), "", admin)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Close(context.Background()) }()
	var out bytes.Buffer
	args := []string{"limits", "--rounds=1", "--data-dir", t.TempDir(), "--database-url", admin}
	if code := run(t.Context(), args, output{&out, &out}); code != exitBad || !strings.Contains(out.String(), "another bench is using it (by its server process ") {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
}
