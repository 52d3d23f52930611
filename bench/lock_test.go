package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/postgres"
	"ingot/internal/pgtest"
)

// TestTwoBenchesInOneFolder: the second one leaves the ingester of the first alone.
func TestTwoBenchesInOneFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func() (*environment.Environment, error) {
		return environment.Open(t.Context(), environment.Options{DataDir: dir, URL: "http://127.0.0.1:1"}, t.Output())
	}
	first, err := open()
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(first.Logs, "ingest-1.log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
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
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if first, err = open(); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
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
	if code := run(t.Context(), args, output{&out, &out}); code != exitBad || !strings.Contains(out.String(), "another bench is using it (server process ") {
		t.Errorf("exit code %d:\n%s", code, out.String())
	}
}
