package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"

	"ingot/internal/stopsignal"
)

// cli lists the subcommands. Kong calls the Validate (flags.go) and the Run of the one that was asked for.
type cli struct {
	List    listCommand    `cmd:"" help:"List the scenarios."`
	Run     runCommand     `cmd:"" help:"Measure scenarios, with their limits; without names, the quick set."`
	Limits  limitsCommand  `cmd:"" help:"Measure only the limits of this machine."`
	Reads   readsCommand   `cmd:"" help:"Measure reads of a large table while it is written to."`
	Streams streamsCommand `cmd:"" help:"Measure how long events take to reach followers, with many streams."`
	Pair    pairCommand    `cmd:"" help:"Measure two ingesters in turn, without limits: what a change is worth."`
	Compare compareCommand `cmd:"" help:"Compare two results; exit code 1 if something is worse by more than noise."`
	Report  reportCommand  `cmd:"" help:"Make the report of a result again."`

	LimitServer limitServerCommand `cmd:"" hidden:"" help:"Be the server of a limit."`
}

// output is where a command writes.
type output struct{ stdout, stderr io.Writer }

// The exit codes.
const (
	exitOK          = 0
	exitBad         = 1 // something failed or did not hold
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	os.Exit(run(stopsignal.Context(func() { os.Exit(exitInterrupted) }), os.Args[1:], output{os.Stdout, os.Stderr}))
}

// run runs a command line and returns the exit code.
func run(ctx context.Context, args []string, s output) int {
	helped := false
	parser, err := kong.New(&cli{},
		kong.Name("bench"),
		kong.Description("Measures the ingester against the limits of the machine."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Writers(s.stdout, s.stderr),
		kong.Exit(func(int) { helped = true }), // kong goes on after --help; we do not
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
	if err != nil {
		panic(err) // the struct tags are wrong: no argument can cause this
	}
	command, err := parser.Parse(args)
	if helped {
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(s.stderr, "bench:", err)
		return exitUsage
	}
	err = command.Run()
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(s.stderr, "bench: interrupted:", err)
		return exitInterrupted
	case err != nil:
		fmt.Fprintln(s.stderr, "bench:", err)
		return exitBad
	}
	return exitOK
}
