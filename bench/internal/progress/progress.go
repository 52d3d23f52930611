// Package progress tells the person who started the bench how far it is.
package progress

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// quietFor is how often progress writes a line within one step, if it is not on a terminal.
const quietFor = 5 * time.Second

// barRoom is how many columns a bar takes besides the name of its step, at least: the percentage, the counts and the times.
const barRoom = 50

// Progress shows how far a step is: a bar on a terminal, elsewhere plain lines. It
// belongs to one goroutine.
type Progress struct {
	out      io.Writer
	terminal *os.File // out; nil: it is no terminal
	bar      *progressbar.ProgressBar
	what     string
	total    int
	told     time.Time
}

// New shows progress on out.
func New(out io.Writer) *Progress {
	p := &Progress{out: out}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.terminal = f
	}
	return p
}

// OnTerminal tells whether somebody looks on: a bar is shown.
func (p *Progress) OnTerminal() bool { return p.terminal != nil }

// Say writes a line that stays.
func (p *Progress) Say(format string, args ...any) {
	if p.bar != nil {
		_ = p.bar.Clear() // the terminal is all it could fail on
	}
	fmt.Fprintf(p.out, format+"\n", args...)
}

// sayAfter is how long a step may take without a word. A guess.
const sayAfter = 3 * time.Second

// During does what mostly takes a moment, and says what it is when it takes longer.
func (p *Progress) During(what string, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }() // ends by itself, awaited below
	select {
	case err := <-done:
		return err
	case <-time.After(sayAfter):
		p.Say("%s", what)
		return <-done
	}
}

// Begin starts a step, within which Set tells how much is done.
func (p *Progress) Begin(what string, total int) {
	p.what, p.total, p.told = what, total, time.Now()
	if p.terminal == nil {
		return
	}
	if columns, _, err := term.GetSize(int(p.terminal.Fd())); err == nil && len(what)+barRoom > columns {
		p.Say("%s", what) // beside the bar there is no room for it
		what = ""
	}
	p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(100*time.Millisecond))
	_ = p.bar.RenderBlank()
}

// Set says how much of the step is done.
func (p *Progress) Set(done int) {
	if p.bar != nil {
		_ = p.bar.Set(min(done, p.total))
		return
	}
	if now := time.Now(); p.terminal == nil && now.Sub(p.told) >= quietFor {
		p.told = now
		fmt.Fprintf(p.out, "%s: %d of %d\n", p.what, done, p.total)
	}
}

// End ends the step.
func (p *Progress) End() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
