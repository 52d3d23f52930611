// Command ingest is the server: it takes events over HTTP and makes each one a
// row in Postgres exactly once. This package wires the packages below internal/
// and knows them all; they do not know each other.
//
//	main.go       the command line
//	config.go     every flag, checked; bytesize.go, how sizes are written
//	run.go        opens downstream first, closes upstream first
//	feed.go       the feed: woken by commits, handed to the gate
//	database.go   the database: given, or private and supervised; readers.go, its connections that read
//	doors.go      by which names it may be asked
//	keys.go       the file of keys, read again when it changes; the command that makes one
//	retention.go  what is too old is deleted
//	metrics.go    what Prometheus is shown, lag.go, of subscriptions; stats.go, what /stats shows of this process
//	tls.go        the certificate; files.go, how files that change are read again
//	log.go        the log: JSON, or readable on a terminal; behind.go, nobody waits for who reads it
//	memory.go     what the collector may leave lying about; descriptors.go, whether there are files for all connections
//	debug.go      profiles, on an address of their own
//	verify.go     whether what is stored agrees; healthcheck.go, whether a server can store
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"ingot/internal/stopsignal"
	"ingot/internal/version"
)

// cli is the command line.
type cli struct {
	Serve       serveCommand       `cmd:"" default:"withargs" help:"Answer HTTP until a signal comes (the default)."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a running server whether it can store events."`
	Key         keyCommand         `cmd:"" help:"Make a key, and add its line to the --keys-file."`
	Verify      verifyCommand      `cmd:"" help:"Hold the commit log, the topics and the events against each other."`

	Version kong.VersionFlag `help:"Tell which build this is."`
}

type serveCommand struct{ config }

// Run implements kong's interface.
func (c *serveCommand) Run(line *kong.Context) error {
	if err := c.check(); err != nil {
		return wrongSetting{err}
	}
	log, end, err := newLog(c.LogLevel)
	if err != nil {
		return err
	}
	defer end()
	for _, name := range unknownVariables(os.Environ(), line.Flags()) {
		log.Warn("a variable that is no setting: see ingest --help", zap.String("variable", name))
	}
	return run(stopsignal.Context(stopAtOnce), c.config, log)
}

// stopAtOnce ends the process; a private Postgres goes with it. Whether anybody reads that it does is not waited for.
func stopAtOnce() {
	go func() {
		fmt.Fprintln(os.Stderr, "ingest: second signal, stopping at once")
		os.Exit(1)
	}()
	time.Sleep(lastLines)
	os.Exit(1)
}

// exitUsage is the exit code for a flag or a variable that has to be mended: no restart helps.
const exitUsage = 80

// wrongSetting is an error that ends with exitUsage.
type wrongSetting struct{ error }

func main() {
	signal.Ignore(syscall.SIGPIPE) // whoever reads the log may go first: that is no end of a server
	os.Exit(command(os.Args[1:]))
}

// command is the whole of it, up to its exit code.
func command(args []string) int {
	parser := kong.Must(&cli{},
		kong.Name("ingest"),
		kong.Description("Takes events over HTTP and makes each one a row in Postgres exactly once."),
		kong.NamedMapper("named", kong.MapperFunc(named)),
		kong.Vars{"version": "ingest " + version.String()},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	line, err := parser.Parse(args)
	if err != nil {
		parser.Errorf("%s", err)
		return exitUsage
	}
	if err := line.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "ingest:", err)
		if errors.As(err, new(wrongSetting)) {
			return exitUsage
		}
		return 1
	}
	return 0
}
