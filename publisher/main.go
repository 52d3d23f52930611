package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"syscall"

	"github.com/alecthomas/kong"

	"ingot/internal/stopsignal"
	"ingot/internal/version"
)

// The exit codes.
const (
	exitOK          = 0
	exitBad         = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// cli lists the subcommands.
type cli struct {
	Follow   follow   `cmd:"" help:"Print events as they are committed, from a stream or a subscription."`
	Replay   replay   `cmd:"" help:"Send files: events in NDJSON or JSON, any other text line by line; then audit them."`
	Simulate simulate `cmd:"" help:"Send invented events, with duplicates; then audit the database through the API."`

	Version kong.VersionFlag `help:"Show the version and the revision it was built from."`
}

// surroundings is what a subcommand may touch outside of itself.
type surroundings struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	words          *asyncWriter      // to stderr; run sets it
	transport      http.RoundTripper // nil: the client's own
}

// say writes a message to stderr, in place of what a meter has drawn there.
func (s surroundings) say(format string, args ...any) {
	line := message(format, args...)
	if widthOf(s.stderr) > 0 {
		line = append([]byte(erase), line...)
	}
	_, _ = s.words.Write(line)
}

func main() {
	signal.Ignore(syscall.SIGPIPE) // so that a stdout that takes no more is an error of the write, which is told
	os.Exit(run(stopsignal.Context(func() { os.Exit(exitInterrupted) }), os.Args[1:], surroundings{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}))
}

// ended is the error of a subcommand that knows its exit code.
type ended struct {
	exit int
	err  error // nil: why has been said
}

func (e ended) Error() string { return fmt.Sprintf("exit code %d: %v", e.exit, e.err) }

// run is the whole command, up to its exit code.
func run(ctx context.Context, args []string, s surroundings) int {
	s.words = writeAsync(s.stderr)
	defer s.words.end()
	exit := obey(ctx, args, s)
	_ = s.words.flush(ctx, drawTimeout) // what was said last has been waited for already
	return exit
}

// obey parses a command line, does what it says, and returns the exit code.
func obey(ctx context.Context, args []string, s surroundings) int {
	helped := false
	parser, err := kong.New(&cli{},
		kong.Name("publisher"),
		kong.Description("Sends events to an Ingot server, checks what became of them, and follows the feed."),
		kong.Vars{"version": "publisher " + version.String()},
		kong.Writers(s.stdout, s.words),
		kong.Exit(func(int) { helped = true }), // kong goes on after --help and --version; we do not
		kong.KindMapper(reflect.String, kong.MapperFunc(asTyped)),
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
		s.words.conclude(ctx, message("%v", err))
		return exitUsage
	}
	return exitCode(ctx, command.Run(), s.words)
}

// errEmpty refuses the empty value of a flag or a variable, which a script makes of a variable that is not set.
var errEmpty = errors.New("it is empty: leave it out, or give a value")

// asTyped takes a string as the bytes that were typed. Kong would make U+FFFD of bytes that are not UTF-8, and a file
// may be named so. An empty string is refused: --after=$LAST without a LAST would begin now, and --source=$FROM
// without a FROM would print everything.
func asTyped(d *kong.DecodeContext, target reflect.Value) error {
	t, err := d.Scan.PopValue("string")
	if err != nil {
		return err
	}
	if t.String() == "" {
		return errEmpty
	}
	target.SetString(t.String())
	return nil
}

// exitCode says why a subcommand has failed, if it has not done so itself.
func exitCode(ctx context.Context, err error, words *asyncWriter) int {
	if err == nil {
		return exitOK
	}
	e := ended{exitBad, err}
	_ = errors.As(err, &e)
	if e.err != nil {
		words.conclude(ctx, message("%v", e.err))
	}
	return e.exit
}
