package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// quietFor is how often a meter that is no terminal writes a line.
const quietFor = 5 * time.Second

// meter shows how far a step is: a bar on a terminal, and elsewhere a plain line
// now and then, so that a log stays readable.
type meter struct {
	out      io.Writer
	terminal bool

	mu    sync.Mutex // guards what follows, and the order of the lines
	bar   *progressbar.ProgressBar
	unit  string
	what  string
	total int
	done  int
	told  time.Time
}

func newMeter(out io.Writer) *meter {
	f, ok := out.(*os.File)
	return &meter{out: out, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// Begin starts a step of total events.
func (m *meter) Begin(what string, total int) {
	m.begin(what, total, "", progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"))
}

// BeginBytes starts a step of total bytes, of which 0 means that nobody knows.
func (m *meter) BeginBytes(what string, total int64) {
	m.begin(what, int(total), " bytes", progressbar.OptionShowBytes(true))
}

func (m *meter) begin(what string, total int, unit string, look ...progressbar.Option) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.what, m.total, m.done, m.told, m.unit = what, total, 0, time.Now(), unit
	if !m.terminal {
		return
	}
	if total == 0 {
		total = -1 // a spinner
	}
	m.bar = progressbar.NewOptions(total, append(look, progressbar.OptionSetWriter(m.out), progressbar.OptionSetDescription(what),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())...)
	_ = m.bar.RenderBlank() // the terminal is all it could fail on
}

// Add tells that n more events are done.
func (m *meter) Add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	if m.bar != nil {
		// The total of an audit is an estimate, and a bar refuses to pass its end.
		_ = m.bar.Set(m.shown())
		return
	}
	if now := time.Now(); now.Sub(m.told) >= quietFor {
		m.told = now
		fmt.Fprintln(m.out, m.words())
	}
}

func (m *meter) shown() int {
	if m.total == 0 {
		return m.done
	}
	return min(m.done, m.total)
}

func (m *meter) words() string {
	if m.total == 0 {
		return fmt.Sprintf("%s: %d%s", m.what, m.done, m.unit)
	}
	return fmt.Sprintf("%s: %d of %d%s", m.what, m.done, m.total, m.unit)
}

// End closes the step; without a Begin it does nothing.
func (m *meter) End() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bar != nil {
		_ = m.bar.Finish() // clears the line, and ends a spinner, which Clear does not
		m.bar = nil
	}
}
