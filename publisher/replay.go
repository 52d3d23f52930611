package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"ingot/internal/event"
	"ingot/publisher/internal/audit"
	"ingot/publisher/internal/client"
	"ingot/publisher/internal/record"
)

// windDown is how long events that were read may still be sent after an interrupt has ended --follow. It is also how
// long the audit that comes then waits for a server that is away, at most: about as long as the server takes to
// restart. A guess.
const windDown = 10 * time.Second

// longestInsist bounds for how long --follow sends lines again that are refused for who asks or who answers: a proxy may have
// no Ingot behind it while that is replaced (404), a key may be written to the file a moment later (401). It has a bound, since
// the URL or the key may be wrong. A guess.
const longestInsist = time.Minute

// replay is the subcommand: its flags.
type replay struct {
	Files []string `arg:"" name:"file" help:"Files to send; - is standard input. Events, in NDJSON or JSON, are sent as they are, and any other text line by line. Files compressed with gzip or zstandard are decompressed; those packed in another way are refused."`

	server
	Topic       string         `help:"Topic of lines of text. Default: the file's base name without its extension, and without .gz or .zst; stdin for -."`
	Source      string         `help:"Source of lines of text, part of their ids. Default: this host's name."`
	PipeRun     string         `name:"run" placeholder:"NAME" help:"Name of this run of a pipe, part of the ids of its lines of text: the same name sends the same ids again. Default: a new one each time, which the report tells."`
	Timestamp   string         `placeholder:"RFC3339" help:"Timestamp of lines of text. Default: the file's modification time, the same on every run; for -, the time of the start."`
	Format      string         `enum:"auto,events,lines" default:"auto" help:"auto: depends on how a file begins; events: NDJSON or JSON of events; lines: text, whatever it looks like."`
	Follow      bool           `short:"f" help:"Go on with what is appended, even after the file is truncated or replaced, until interrupted."`
	Concurrency int            `default:"4" help:"Requests in parallel; 1 keeps the order of the lines."`
	Batch       int            `default:"1000" help:"Most events per request."`
	Timeout     time.Duration  `default:"15s" help:"Longest wait for one answer."`
	GiveUpAfter *time.Duration `placeholder:"TIME" help:"How long one request is retried. Default: 60s; with --follow, no limit."`
	MaxPayload  int            `default:"262144" help:"Most bytes in a payload that the server takes; a longer line is sent in pieces."`
	JSON        bool           `name:"json" help:"Print the report as JSON."`
	Audit       bool           `default:"true" negatable:"" help:"Read every acknowledged event back and compare it."`
	AuditLimit  int            `default:"1000000" help:"How many events the audit covers; each takes about 200 bytes of memory."`
}

// Validate is called by kong once the flags are read.
func (r *replay) Validate(k *kong.Context) error {
	if err := cmp.Or(r.check(k), checkLoad(r.Concurrency, r.Batch), checkWaits(r.Timeout, r.GiveUpAfter)); err != nil {
		return err
	}
	switch {
	case r.MaxPayload < record.MinLimit || r.MaxPayload > 64<<20:
		return fmt.Errorf("--max-payload must be %d to %d", record.MinLimit, 64<<20)
	case r.AuditLimit < 0:
		return errors.New("--audit-limit must be 0 or more")
	}
	return cmp.Or(r.validateOrigin(), r.validateFiles())
}

// validateOrigin refuses what no event may have.
func (r *replay) validateOrigin() error {
	if _, err := r.timestamp(); err != nil {
		return err
	}
	for _, flag := range []struct{ name, text string }{{"--topic", r.Topic}, {"--source", r.Source}, {"--run", r.PipeRun}} {
		if flag.text != "" && !event.ValidText(flag.text) {
			return fmt.Errorf("%s must be 1 to %d bytes of UTF-8 without control characters", flag.name, event.MaxTextBytes)
		}
	}
	return nil
}

// validateFiles refuses two files of one name: line 3 of both, if the lines are the
// same, would have one id, and the second would be dropped as a duplicate.
func (r *replay) validateFiles() error {
	seen := map[string]string{}
	for _, path := range r.Files {
		base := nameOf(path)
		if other, twice := seen[base]; twice {
			return fmt.Errorf("%s and %s have the same name (.gz and .zst do not count), so their lines would get the same ids: if they are copies of one file, replay only one; if not, replay them one by one, each with its own --topic", other, path)
		}
		seen[base] = path
	}
	return nil
}

// nameOf is the name of a file in the ids of its lines: its base name without .gz or .zst, so that it is the same
// when the file is compressed, and stdin for -.
func nameOf(path string) string {
	if path == "-" {
		return "stdin"
	}
	base := filepath.Base(path)
	if ext := filepath.Ext(base); (ext == ".gz" || ext == ".zst") && ext != base {
		return strings.TrimSuffix(base, ext)
	}
	return base
}

// timestamp is zero when the flag is not set.
func (r *replay) timestamp() (time.Time, error) {
	if r.Timestamp == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, r.Timestamp)
	if err != nil || !inRange(at) {
		return at, fmt.Errorf("--timestamp: %q is not of the form 2026-01-02T15:04:05Z, in the years %d to %d", r.Timestamp, event.MinYear, event.MaxYear)
	}
	return at, nil
}

// inRange tells whether a server takes a timestamp.
func inRange(at time.Time) bool {
	year := at.UTC().Year()
	return event.MinYear <= year && year <= event.MaxYear
}

func (r *replay) patience() time.Duration {
	switch {
	case r.GiveUpAfter != nil:
		return *r.GiveUpAfter
	case r.Follow:
		return forever
	}
	return time.Minute
}

// Run opens every file before it sends a line, then sends, audits and reports.
func (r *replay) Run(ctx context.Context, out surroundings) error {
	interrupt := ctx
	in, err := r.open(ctx, out)
	if err != nil {
		return err
	}
	defer in.close()
	in.watch()
	r.warn(out)
	c := r.client(out, r.Concurrency, r.Timeout, r.patience())
	if r.Follow { // files that have an end are sent again by whoever waits for it
		insist := min(longestInsist, r.patience())
		c.Insist(insist, func(err error) { out.say("%v: trying again for %v", err, insist) })
	}
	defer c.Close()
	err = c.Reach(ctx, func(err error) { out.say("waiting for the server: %v", err) })
	switch {
	case err != nil && ctx.Err() == nil:
		return err
	case err != nil && r.Follow:
		return ended{exitInterrupted, fmt.Errorf("interrupted: %w", err)} // it has read nothing yet: there is nothing to settle, nor to audit
	}
	meter := newMeter(out)
	o := r.send(ctx, in, c, meter)
	// The interrupt is how --follow ends: what it read is still audited, by a client
	// that does not wait for the server for ever.
	o.Interrupted = ctx.Err() != nil && !r.Follow
	if in.memory.limit > 0 && !o.Interrupted {
		if ctx.Err() != nil {
			ctx, c = context.WithoutCancel(ctx), r.client(out, r.Concurrency, r.Timeout, min(r.patience(), windDown))
			defer c.Close()
		}
		o.Audit = audited(ctx, c, audit.Subject{
			Events: &in.memory, Unique: len(in.memory.events), Told: in.tally, Workers: r.Concurrency,
		}, meter, o.Problems)
		o.Interrupted = ctx.Err() != nil
	}
	return o.finish(interrupt, out.stdout, r.JSON)
}

// send reads the files and publishes what is in them.
//
//  1. One goroutine reads all files, with --follow one for each; they end with
//     their files, with ctx, or when nobody takes what they read any more.
//  2. The caller's goroutine cuts what they read into batches and deals these.
//  3. With --follow an interrupt ends the reading at once, and the sending when
//     all that was read is settled, or after windDown.
func (r *replay) send(ctx context.Context, in *intake, c *client.Client, m *meter) replayOutcome {
	sendCtx, stop := ctx, func() {}
	if r.Follow {
		sendCtx, stop = client.Outlive(ctx, windDown)
	}
	defer stop()
	m.BeginBytes("send", in.total())
	began := time.Now()
	readers := in.start(r.Follow)
	err := (&sending[item]{
		batches: func(ctx context.Context, deal func([]item) bool) { in.batches(ctx, r.Batch, deal) },
		publish: func(ctx context.Context, items []item) client.Result {
			return c.Send(ctx, eventsOf(items), bodyOf(items))
		},
		settled: func(items []item, res client.Result) { in.settled(items, res, m) },
		tally:   in.tally, clients: r.Concurrency,
	}).run(sendCtx)
	in.stop()
	readers.Wait()
	m.End()
	o := in.outcome(time.Since(began), r.Follow)
	o.URL, o.batch = r.URL, r.Batch
	if err != nil {
		o.Problems["stopped"] = err.Error()
	}
	return o
}
