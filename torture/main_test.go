package torture

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"ingot/internal/buildtest"
)

// binaries is the folder of ingest and publisher. It is set once, before any test:
// the testing package hands nothing from TestMain to a test.
var binaries string

func TestMain(m *testing.M) { goleak.VerifyTestMain(built{m}) }

// built has the binaries for as long as the tests run.
type built struct{ tests *testing.M }

func (b built) Run() int {
	dir, err := os.MkdirTemp("", "ingot-torture-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binaries = dir
	return b.tests.Run()
}

// build makes the binaries when a test first wants one: before the tests go test does not notice of what (buildtest).
var build = sync.OnceValue(func() error {
	return buildtest.Build(binaries, buildFlags(), "ingot/ingest", "ingot/publisher")
})

func builtWithRace() bool { return os.Getenv("INGOT_BUILD_RACE") == "1" }

func buildFlags() []string {
	if builtWithRace() {
		return []string{"-race"}
	}
	return nil
}

func long() bool { return os.Getenv("INGOT_LONG") == "1" }

// ingestPath is an ingest to torture in place of one built from here: a mutant.
var ingestPath = flag.String("ingest", "", "`path` of the ingest to torture; built from this tree if not given")

func binary(t testing.TB, name string) string {
	t.Helper()
	if name == "ingest" && *ingestPath != "" {
		return *ingestPath
	}
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(binaries, name)
}
