package localpg

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// minMajor is the oldest Postgres this works with: 15 brought wal_compression=lz4 and the quick
// CREATE DATABASE that tests live on.
const minMajor = 15

// probeTimeout bounds a program that is only asked something, as for its version. A guess: an answer takes milliseconds, and
// seconds on a machine that is busy; what hangs longer would hang the start in silence.
const probeTimeout = 30 * time.Second

// ErrNoBinaries is in the error of Find and Start when no usable Postgres is installed.
var ErrNoBinaries = errors.New("no usable PostgreSQL found")

// Binaries is one installed Postgres.
type Binaries struct {
	Dir     string // holds postgres and initdb
	Major   int
	Version string // as the server tells it: 15.18
}

// Find returns the newest installed Postgres. If PG_BIN is set, Find looks nowhere else. Otherwise it looks in
// binDirs, where pg_config points, on PATH, where the usual packages put Postgres, and where getpostgres does.
func Find(binDirs ...string) (Binaries, error) {
	run, err := ownerFor("")
	if err != nil {
		return Binaries{}, err
	}
	return newFinder(binDirs, run).newest()
}

// finder has the places to look at, and remembers for the error what it found at each.
type finder struct {
	places   []place
	runAs    owner
	patience time.Duration // for each program that is asked
	looked   []string
}

// place is a folder or a pattern of folders; without a glob it only has a name, which the error tells.
type place struct {
	name string
	glob string
}

func (p place) folders() []string {
	if _, err := os.Stat(p.glob); err == nil {
		return []string{p.glob} // before Glob takes a bracket in its name for a pattern
	}
	found, _ := filepath.Glob(p.glob) // a folder that cannot be read counts as an empty one
	return found
}

func newFinder(binDirs []string, runAs owner) *finder {
	if dir := os.Getenv("PG_BIN"); dir != "" {
		return &finder{runAs: runAs, patience: probeTimeout, places: []place{{"PG_BIN=" + dir, dir}}}
	}
	places := []place{{name: "PG_BIN (not set)"}}
	for _, dir := range binDirs {
		places = append(places, place{dir, dir})
	}
	places = append(places, configPlace(probeTimeout), place{"PATH", pathBinDir()})
	for _, glob := range []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		places = append(places, place{glob, glob})
	}
	places = append(places, fetchedPlaces()...)
	return &finder{runAs: runAs, patience: probeTimeout, places: places}
}

func configPlace(patience time.Duration) place {
	const name = "pg_config --bindir"
	out, err := ask(exec.Command("pg_config", "--bindir"), patience)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return place{name: name}
	case err != nil:
		return place{name: fmt.Sprintf("%s (%v)", name, err)}
	}
	return place{name, strings.TrimSpace(string(out))}
}

func pathBinDir() string {
	path, err := exec.LookPath("postgres")
	if err != nil {
		return ""
	}
	return filepath.Dir(path)
}

// newest finds the newest Postgres; among equals that of the earlier place.
func (f *finder) newest() (Binaries, error) {
	var best Binaries
	for _, b := range f.all() {
		if b.Major > best.Major {
			best = b
		}
	}
	if best.Major == 0 {
		return best, fmt.Errorf("%w (%d or newer; looked at %s): run `make postgres` in the project"+
			" to fetch one, or %s, or set PG_BIN", ErrNoBinaries, minMajor, strings.Join(f.looked, ", "), InstallHint())
	}
	return best, nil
}

// major finds a Postgres of the one major version that can open an existing cluster.
func (f *finder) major(want int, cluster string) (Binaries, error) {
	for _, b := range f.all() {
		if b.Major == want {
			return b, nil
		}
	}
	get := fmt.Sprintf("install it, on Debian with `apt-get install postgresql-%d`", want)
	if os.Getenv("PG_BIN") != "" {
		get = "set PG_BIN to one of that major version, or unset it: while it is set, nothing else is looked at"
	}
	return Binaries{}, fmt.Errorf("%w: %s needs PostgreSQL %d (looked at %s): %s; docs/moving.md says how to move the data to a newer version."+
		" Or move that folder away to start with an empty database", ErrNoBinaries, cluster, want, strings.Join(f.looked, ", "), get)
}

func (f *finder) all() []Binaries {
	var found []Binaries
	for _, p := range f.places {
		dirs := p.folders()
		if len(dirs) == 0 {
			f.looked = append(f.looked, p.name)
		}
		for _, dir := range dirs {
			b, err := probe(dir, f.runAs, f.patience)
			if err == nil && b.Major >= minMajor {
				found = append(found, b)
			}
			f.looked = append(f.looked, verdict(dir, b, err))
		}
	}
	return found
}

func verdict(dir string, b Binaries, err error) string {
	if err != nil {
		return fmt.Sprintf("%s (%v)", dir, err)
	}
	return fmt.Sprintf("%s (%s)", dir, b.Version)
}

// versionLine finds the version in lines like "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)" and "postgres
// (PostgreSQL) 19devel".
var versionLine = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[^ \n]*)`)

// probe asks postgres for its version, as the user that will run the server: a Postgres below somebody's closed
// home is of no use to that user.
func probe(dir string, runAs owner, patience time.Duration) (Binaries, error) {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return Binaries{}, fmt.Errorf("no %s", name)
		}
	}
	out, err := ask(runAs.command(filepath.Join(dir, "postgres"), "--version"), patience)
	if err != nil {
		return Binaries{}, fmt.Errorf("user %s cannot run postgres --version: %w", runAs.name, err)
	}
	m := versionLine.FindSubmatch(out)
	if m == nil {
		return Binaries{}, errors.New("it reports no version")
	}
	major, err := strconv.Atoi(string(m[2]))
	return Binaries{Dir: dir, Major: major, Version: string(m[1])}, err
}

// ask runs a program that only answers, and returns what it says.
func ask(cmd *exec.Cmd, patience time.Duration) ([]byte, error) {
	ctx, cancel := answerWithin(context.Background(), patience)
	defer cancel()
	var out bytes.Buffer
	cmd.Stdout = &out
	err := runToEnd(ctx, cmd)
	return out.Bytes(), err
}

// answerWithin is a context that ends when a program has not answered for so long.
func answerWithin(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer within %v", patience))
}
