package buildtest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSources(t *testing.T) {
	t.Parallel()
	files, err := sources([]string{"ingot/ingest"})
	if err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"go.mod", "schema.sql", "ingest/main.go", "ingest/internal/postgres/writer/writer.go", "ingest/internal/postgres/migrations/002_heap_blocks.sql",
		"ingest/internal/httpapi/openapi.json", "internal/event/decode.go",
	} {
		if !slices.Contains(files, filepath.Join(root, want)) {
			t.Errorf("%s is not among the sources", want)
		}
	}
	for _, file := range files {
		if !strings.HasPrefix(file, root) || strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/publisher/") {
			t.Errorf("%s is no source of this module's ingest", file)
		}
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := Build(dir, nil, "ingot/publisher"); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(filepath.Join(dir, "publisher"), "--version").CombinedOutput(); err != nil || !strings.HasPrefix(string(said), "publisher ") {
		t.Errorf("%v: %s", err, said)
	}
	if err := Build(dir, nil, "ingot/internal/event/nothing"); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("a package that is not there: %v", err)
	}
}

// TestWrite: a program can be run as soon as it is written, while other tests write and run theirs.
func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				path := filepath.Join(dir, fmt.Sprint(i, "-", j))
				if err := Write(path, []byte("#!/bin/sh\n")); err != nil {
					t.Error(err)
					return
				}
				if err := exec.Command(path).Run(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}
