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
	m.mu.Lock()
	defer m.mu.Unlock()
	m.what, m.total, m.done, m.told = what, total, 0, time.Now()
	if m.terminal {
		m.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(m.out), progressbar.OptionSetDescription(what),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
		_ = m.bar.RenderBlank() // the terminal is all it could fail on
	}
}

// Add tells that n more events are done.
func (m *meter) Add(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	if m.bar != nil {
		// The total of an audit is an estimate, and a bar refuses to pass its end.
		_ = m.bar.Set(min(m.done, m.total))
		return
	}
	if now := time.Now(); now.Sub(m.told) >= quietFor {
		m.told = now
		fmt.Fprintf(m.out, "%s: %d of %d\n", m.what, m.done, m.total)
	}
}

// End closes the step; without a Begin it does nothing.
func (m *meter) End() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bar != nil {
		_ = m.bar.Clear()
		m.bar = nil
	}
}
