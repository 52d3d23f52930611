// Command ingest is the server: it takes events over HTTP and makes each one a
// row in Postgres exactly once. This package wires the packages below internal/
// and knows them all; they do not know each other.
//
//	main.go    the command line
//	config.go    every flag, checked; bytesize.go, how sizes are written
//	run.go       opens downstream first, closes upstream first
//	feed.go      the feed: woken by commits, handed to the gate
//	database.go  the database: given, or private and supervised
//	log.go       the log: JSON, or readable on a terminal
//	memory.go    what the collector may leave lying about
//	debug.go     profiles, on an address of their own
//	signal.go    how it is told to stop
//	verify.go healthcheck.go   the other commands
package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"

	"ingot/internal/version"
)

// cli is the command line.
type cli struct {
	Serve       serveCommand       `cmd:"" default:"withargs" help:"Answer HTTP until a signal comes (the default)."`
	Healthcheck healthcheckCommand `cmd:"" help:"Ask a running server whether it can store events."`
	Verify      verifyCommand      `cmd:"" help:"Hold the commit log, the topics and the events against each other."`

	Version kong.VersionFlag `help:"Tell which build this is."`
}

type serveCommand struct{ config }

// Run implements kong's interface.
func (c *serveCommand) Run(line *kong.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	log, err := newLog(c.LogLevel)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }()
	for _, name := range unknownVariables(os.Environ(), line.Flags()) {
		log.Warn("a variable that is no setting: see ingest --help", zap.String("variable", name))
	}
	ctx, stop := signalContext()
	defer stop()
	return run(ctx, c.config, log)
}

func main() {
	ctx := kong.Parse(&cli{},
		kong.Name("ingest"),
		kong.Description("Takes events over HTTP and makes each one a row in Postgres exactly once."),
		kong.Vars{"version": "ingest " + version.String()},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err := ctx.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "ingest:", err)
		os.Exit(1)
	}
}
