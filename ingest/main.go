// Command ingest is the server: it takes events over HTTP and stores each one in Postgres exactly
// once. This package wires the packages below internal/ and knows them all; they do not know each
// other.
//
//	main.go       the command line
//	config.go     every flag; check.go, whether they fit together; bytesize.go, how sizes are written
//	variables.go  the environment variables that set them
//	bounds.go     what the flags mean for each package
//	run.go        opens downstream first, closes upstream first
//	feed.go       the feed: woken by commits, handed to the gate
//	database.go   the database, given or private; private.go, the private one, supervised; readers.go, its connections that read
//	doors.go      by which names (Host) the server may be asked
//	keys.go       the file of keys, read again when it changes; the command that makes a key
//	retention.go  deletes events that are too old
//	metrics.go    what Prometheus is shown; lag.go, of subscriptions; stats.go, what /stats shows of this process
//	tls.go        the certificate
//	every.go      what is done once a period: files that change are read again, connections are counted
//	log.go        the log: JSON, or readable on a terminal; asyncwriter.go, how it is written so that nobody waits for it
//	memory.go     how far the garbage collector may let memory grow; descriptors.go, how many connections can be open
//	debug.go      profiles, on an address of their own
//	verify.go     whether the tables agree with each other; healthcheck.go, whether a server is ready
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
	Serve       serveCommand       `cmd:"" default:"withargs" help:"Run the server until a signal comes (the default)."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a running server whether it is ready."`
	Key         keyCommand         `cmd:"" help:"Make a key and add its line to --keys-file."`
	Verify      verifyCommand      `cmd:"" help:"Check that the commit log, the topics and the events agree."`

	Version kong.VersionFlag `help:"Show which build this is."`
}

type serveCommand struct{ config }

// Run implements kong's interface.
func (c *serveCommand) Run(line *kong.Context) error {
	if err := errors.Join(c.check(), checkDatabaseName(os.Environ(), c.DatabaseURL)); err != nil {
		return wrongSetting{err}
	}
	log, end, err := newLog(c.LogLevel)
	if err != nil {
		return err
	}
	defer end()
	for _, name := range unknownVariables(os.Environ(), line.Flags()) {
		log.Warn("this environment variable is not a setting and is ignored: see ingest serve --help", zap.String("variable", name))
	}
	return run(stopsignal.Context(stopAtOnce), c.config, log)
}

// stopAtOnce ends the process, and a private Postgres with it. If its message cannot be written, because nobody reads standard
// error, it waits no longer than lastLinesTimeout.
func stopAtOnce() {
	go func() {
		fmt.Fprintln(os.Stderr, "ingest: second signal, stopping at once")
		os.Exit(1)
	}()
	time.Sleep(lastLinesTimeout)
	os.Exit(1)
}

// exitUsage is the exit code for a flag or a variable that has to be mended: no restart helps.
const exitUsage = 80

// wrongSetting is an error that ends with exitUsage.
type wrongSetting struct{ error }

func main() {
	signal.Ignore(syscall.SIGPIPE) // whoever reads the log may end first; the server must not end with it
	os.Exit(command(os.Args[1:]))
}

// command runs a command line and returns the exit code.
func command(args []string) int {
	parser := kong.Must(&cli{},
		kong.Name("ingest"),
		kong.Description("Takes events over HTTP and stores each one in Postgres exactly once."),
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
		if _, wrong := errors.AsType[wrongSetting](err); wrong {
			return exitUsage
		}
		return 1
	}
	return 0
}
