package torture

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// binaries is the folder of ingest and publisher. It is set once, before any test:
// the testing package hands nothing from TestMain to a test.
var binaries string

func TestMain(m *testing.M) { goleak.VerifyTestMain(built{m}) }

// built has the binaries for as long as the tests run.
type built struct{ tests *testing.M }

func (b built) Run() int {
	flag.Parse()
	dir, err := build()
	defer func() { _ = os.RemoveAll(dir) }()
	if err != nil {
		fmt.Fprintln(os.Stderr, "torture:", err)
		return 1
	}
	binaries = dir
	return b.tests.Run()
}

func build() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "ingot-torture-bin-"); err != nil {
		return "", err
	}
	args := []string{"build", "-o", dir + "/"}
	if builtWithRace() {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "ingot/ingest", "ingot/publisher")...).CombinedOutput()
	if err != nil {
		return dir, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
}

func builtWithRace() bool { return os.Getenv("INGOT_BUILD_RACE") == "1" }

func long() bool { return os.Getenv("INGOT_LONG") == "1" }

// ingestPath is an ingest to torture in place of one built from here: a mutant.
var ingestPath = flag.String("ingest", "", "`path` of the ingest to torture; built from this tree if not given")

func binary(name string) string {
	if name == "ingest" && *ingestPath != "" {
		return *ingestPath
	}
	return filepath.Join(binaries, name)
}
