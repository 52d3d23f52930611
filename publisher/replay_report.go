package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"ingot/publisher/internal/audit"
	"ingot/publisher/internal/lines"
	"ingot/publisher/internal/tally"
)

// replayOutcome is all there is to say about a replay. The JSON names are an
// interface.
type replayOutcome struct {
	URL   string     `json:"url"`
	Files []fileSaid `json:"files"`
	Lines lineCounts `json:"lines"`
	tally.Report
	Audit       *audit.Verdict `json:"audit"` // null when there was none, or it could not finish
	Named       []string       `json:"named"` // the first lines that are not in the table, and why
	Interrupted bool           `json:"interrupted"`
	ExitCode    int            `json:"exit_code"`

	final finalCounts
	batch int // --batch
}

// finalCounts is how many events were refused for good: sent again as they are, they
// would be refused again. Those that are invalid are counted elsewhere.
type finalCounts struct {
	tooLarge int // in requests larger than the server takes
	alone    int // of these, in a request of their own
	other    int
}

type fileSaid struct {
	Name   string `json:"name"`
	Format string `json:"format"`        // "events" or "lines"; "auto" for a file without a line
	Topic  string `json:"topic"`         // of lines; events name their own
	Run    string `json:"run,omitempty"` // of the lines of a pipe
}

// outcome is called when the readers have ended. follow tells that files have no end.
func (in *intake) outcome(elapsed time.Duration, follow bool) replayOutcome {
	in.mu.Lock()
	defer in.mu.Unlock()
	report := in.tally.Report(in.counts.Whole+in.counts.Pieces, elapsed, "the same lines were sent before")
	o := replayOutcome{Lines: in.counts, Report: report, Named: append([]string{}, in.named...), final: in.final}
	for _, f := range in.files {
		said := fileSaid{Name: f.name, Format: f.format, Topic: f.origin.Topic}
		if f.format == "lines" {
			said.Run = f.origin.Run
		}
		o.Files = append(o.Files, said)
	}
	if in.failure != nil {
		o.Problems["read"] = in.failure.Error()
	}
	if in.cuts > 0 { // by a name that is none of the causes of a request's failure, as cut is
		o.Problems["truncated"] = fmt.Sprintf("files were truncated %s times before they were read to the end: the lines in between are lost", grouped(in.cuts))
	}
	if in.missed > 0 {
		o.Problems["missed"] = (&lines.MissedError{Files: in.missed}).Error()
	}
	if in.memory.limit > 0 && report.Forgotten > 0 {
		o.Notes = append(o.Notes, fmt.Sprintf("the audit covers the first %s events; raise --audit-limit for more", grouped(in.memory.limit)))
	}
	if !follow && in.ends < len(in.files) {
		o.Notes = append(o.Notes, "not everything was read: what follows the lines counted here is in none of the numbers")
	}
	if in.counts.Pending > 0 {
		o.Notes = append(o.Notes, fmt.Sprintf("%s bytes after the last line feed were not sent: their line may not be complete", grouped(in.counts.Pending)))
	}
	if names, run := o.piped(); run != "" {
		o.Notes = append(o.Notes, fmt.Sprintf("the lines of %s are those of one run: to send the same input again without storing it twice, use --run=%s", names, run))
	}
	return o
}

// piped names the pipes whose lines were sent, and their run; "" where there are none.
func (o replayOutcome) piped() (names, run string) {
	var all []string
	for _, f := range o.Files {
		if f.Run != "" {
			all, run = append(all, f.Name), f.Run
		}
	}
	return strings.Join(all, ", "), run
}

// finish prints the outcome and returns its exit code, nil for 0.
func (o replayOutcome) finish(ctx context.Context, w io.Writer, asJSON bool) error {
	switch {
	case o.Interrupted:
		o.ExitCode = exitInterrupted
	case !o.good():
		o.ExitCode = exitBad
	}
	return end(o.ExitCode, show(ctx, w, asJSON, o))
}

func (o replayOutcome) good() bool {
	return o.Settled() && o.SendsDone == o.SendsPlanned && o.Lines.Refused == 0 && len(o.Problems) == 0 && (o.Audit == nil || o.Audit.OK())
}

func (o replayOutcome) table() []byte {
	var t table
	t.line("replay     %s", o.URL)
	for _, f := range o.Files {
		t.line("file       %s as %s", f.Name, f.words())
	}
	t.line("")
	t.row("lines", grouped(o.Lines.Lines), "")
	t.row("blank", grouped(o.Lines.Blank), "skipped")
	t.row("refused", grouped(o.Lines.Refused), "")
	if o.Lines.Split > 0 {
		t.row("split", grouped(o.Lines.Split), "lines too long for one payload, in "+grouped(o.Lines.Pieces)+" pieces")
	}
	if o.Lines.Base64 > 0 {
		t.row("base64", grouped(o.Lines.Base64), "events with bytes that JSON cannot represent")
	}
	t.line("")
	t.sends(o.Report)
	t.audit(o.Audit)
	for _, n := range o.Named {
		t.line("line       %s", n)
	}
	t.remarks(o.Report)
	t.line("outcome    %s", o.words())
	return t.Bytes()
}

func (f fileSaid) words() string {
	if f.Format == "lines" {
		return "lines, topic " + f.Topic
	}
	return f.Format
}

func (o replayOutcome) words() string {
	switch {
	case o.Interrupted:
		return "interrupted: " + o.again()
	case o.Audit != nil && !o.Audit.OK():
		return "failed: the database does not hold what was acknowledged"
	case !o.Settled() || o.SendsDone < o.SendsPlanned:
		return "failed: " + o.unacknowledged()
	case o.Lines.Refused > 0 && len(o.Problems) > 0:
		return fmt.Sprintf("failed: %s lines were refused, all others that were read are stored: see the problem", grouped(o.Lines.Refused))
	case o.Lines.Refused > 0:
		return fmt.Sprintf("failed: %s lines were refused, all others are stored", grouped(o.Lines.Refused))
	case o.ExitCode != exitOK:
		return "failed: see the problem"
	case o.Audit == nil:
		return "ok, not audited"
	case o.Forgotten > 0:
		return "ok: every line was acknowledged, and those audited are there, once, as they were sent"
	}
	return "ok: every line is there, once, as it was sent"
}

// unacknowledged says what to do about events that are not known to be stored. To
// replay again is of use only for those that were not refused for good.
func (o replayOutcome) unacknowledged() string {
	open := o.SendsPlanned - o.Stored - o.Duplicates
	says := []string{grouped(open) + " events were not acknowledged"}
	if o.Invalid > 0 {
		says = append(says, grouped(o.Invalid)+" are invalid: correct their lines, or what they were sent with (--topic, --max-payload, the key)")
	}
	if o.Lines.Refused > 0 {
		says = append(says, grouped(o.Lines.Refused)+" more lines were refused before they were sent")
	}
	if o.final.tooLarge > 0 {
		says = append(says, grouped(o.final.tooLarge)+" were in requests larger than the server accepts: "+o.smaller())
	}
	if o.final.other > 0 {
		says = append(says, grouped(o.final.other)+" would be refused again: see the problem")
	}
	if open > o.Invalid+o.final.tooLarge+o.final.other {
		says = append(says, o.again())
	}
	return strings.Join(says, "; ")
}

// again says how to send the rest. Lines of a pipe are those that are stored already only in the same run.
func (o replayOutcome) again() string {
	how := "replay again"
	if _, run := o.piped(); run != "" {
		how += " with --run=" + run
	}
	return how + "; what is already stored will count as duplicates"
}

// smaller names the flag that makes requests smaller.
func (o replayOutcome) smaller() string {
	if o.final.tooLarge > o.final.alone {
		return fmt.Sprintf("set --batch below %d", o.batch)
	}
	return "shorten their lines, or set a smaller --max-payload, which splits lines of text"
}
