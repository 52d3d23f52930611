package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"ingot/publisher/internal/audit"
	"ingot/publisher/internal/tally"
)

// reportPart is how much of a report is written at once: that of thousands of files has more than a pipe holds.
const reportPart = 32 << 10

// outcome is all there is to say about a run. The JSON names are an interface.
type outcome struct {
	URL  string `json:"url"`
	Seed uint64 `json:"seed"`
	tally.Report
	Audit       *audit.Verdict `json:"audit"` // null when there was none, or it could not finish
	Interrupted bool           `json:"interrupted"`
	ExitCode    int            `json:"exit_code"`
}

// finish prints the outcome and returns its exit code, nil for 0.
func (o outcome) finish(ctx context.Context, w io.Writer, asJSON bool) error {
	o.ExitCode = o.code()
	return end(o.ExitCode, show(ctx, w, asJSON, o))
}

// end returns the error that a run ends with; unprinted is why its report could not be printed, or nil. A run that
// was interrupted stays so without its report: a terminal that closes interrupts the run, and takes no more output.
func end(exit int, unprinted error) error {
	switch {
	case unprinted != nil && exit == exitInterrupted:
		return ended{exit, fmt.Errorf("interrupted: %w", unprinted)}
	case unprinted != nil:
		return unprinted
	case exit == exitOK:
		return nil
	}
	return ended{exit, nil}
}

func (o outcome) code() int {
	switch {
	case o.Interrupted:
		return exitInterrupted
	case !o.Settled() || len(o.Problems) > 0 || o.Audit != nil && !o.Audit.OK():
		return exitBad
	}
	return exitOK
}

// show prints an outcome, for scripts or for people. It waits for its reader as long as that takes some of it now and then.
func show(ctx context.Context, w io.Writer, asJSON bool, o interface{ table() []byte }) error {
	text := o.table()
	if asJSON {
		text = inJSON(o)
	}
	out := writeAsync(w)
	defer out.end()
	for part := range slices.Chunk(text, reportPart) {
		_, _ = out.Write(part)
		if err := out.flush(ctx, readerPatience); err != nil {
			return fmt.Errorf("print report: %w", err)
		}
	}
	return nil
}

func inJSON(o any) []byte {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	_ = e.Encode(o) // an outcome has nothing that JSON cannot hold
	return text.Bytes()
}

// table is the report for people: names left, numbers right, remarks behind.
func (o outcome) table() []byte {
	var t table
	t.line("simulate   %s   seed %d", o.URL, o.Seed)
	t.line("")
	t.sends(o.Report)
	t.audit(o.Audit)
	t.remarks(o.Report)
	t.line("outcome    %s", o.words())
	return t.Bytes()
}

func (o outcome) words() string {
	switch {
	case o.Interrupted:
		return "interrupted"
	case o.Audit != nil && !o.Audit.OK():
		return "failed: the database does not hold what was acknowledged"
	case !o.Settled():
		return fmt.Sprintf("failed: %s sends were not acknowledged", grouped(o.Invalid+o.Unknown+o.Failed))
	case o.ExitCode != exitOK:
		return "failed: see the problem"
	case o.Audit == nil:
		return "ok, not audited"
	}
	return "ok: every acknowledged event is there, once, as it was sent"
}

type table struct{ bytes.Buffer }

// line writes one line, whatever is in it: the words of a server, a proxy or a certificate may hold line breaks, and
// sequences that a terminal obeys.
func (t *table) line(format string, args ...any) {
	t.WriteString(strings.Map(printable, fmt.Sprintf(format, args...)) + "\n")
}

// printable makes a blank of each character that moves the cursor, or turns the direction of the line around.
func printable(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
		return ' '
	}
	return r
}

func (t *table) row(name, value, remark string) {
	t.WriteString(strings.TrimRight(fmt.Sprintf("  %-14s %12s   %s", name, value, remark), " ") + "\n")
}

func (t *table) sends(r tally.Report) {
	t.row("sends", grouped(r.SendsDone), "of "+grouped(r.SendsPlanned)+" planned")
	t.row("unique events", grouped(r.UniqueEvents), forgotten(r.Forgotten))
	t.row("stored", grouped(r.Stored), "")
	t.row("duplicates", grouped(r.Duplicates), share(r.Duplicates, r.SendsDone)+" of the sends")
	t.row("invalid", grouped(r.Invalid), "")
	t.row("unknown", grouped(r.Unknown), "")
	t.row("failed", grouped(r.Failed), "")
	t.line("")
	t.row("requests", grouped(r.Requests), "carrying "+grouped(r.Attempts)+" events")
	t.row("retries", grouped(sum(r.Retries)), listed(r.Retries))
	t.row("latency p50", fmt.Sprintf("%.2f ms", r.LatencyP50Ms), "")
	t.row("latency p99", fmt.Sprintf("%.2f ms", r.LatencyP99Ms), "")
	t.row("elapsed", fmt.Sprintf("%.2f s", r.ElapsedSecs), "")
	t.row("events/s", grouped(int(r.EventsPerSecond)), "acknowledged")
	t.line("")
}

func (t *table) remarks(r tally.Report) {
	for _, cause := range slices.Sorted(maps.Keys(r.Problems)) {
		t.line("problem    %s: %s", cause, r.Problems[cause])
	}
	for _, note := range r.Notes {
		t.line("note       %s", note)
	}
}

func (t *table) audit(v *audit.Verdict) {
	if v == nil {
		return
	}
	t.row("audited", grouped(v.Expected), "acknowledged events, by "+v.Method)
	t.row("missing", grouped(v.Missing), "")
	t.row("repeated", grouped(v.Repeated), "")
	t.row("different", grouped(v.Different), "")
	t.row("told twice", grouped(v.ToldTwice), "")
	if v.OpenFound+v.OpenLost > 0 {
		t.row("open", grouped(v.OpenFound+v.OpenLost), "never acknowledged; stored after all: "+grouped(v.OpenFound))
	}
	t.line("")
	for _, f := range v.Findings {
		t.line("finding    %s", f)
	}
}

func forgotten(sends int) string {
	if sends == 0 {
		return ""
	}
	return "among those kept in memory; " + grouped(sends) + " sends are not"
}

func share(part, whole int) string {
	if whole == 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

func sum(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

func listed(m map[string]int) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k+" "+grouped(m[k]))
	}
	return strings.Join(parts, ", ")
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
