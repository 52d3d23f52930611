package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

const (
	// quietFor is how often a meter that is no terminal writes a line, where there is something new to tell.
	quietFor = 5 * time.Second

	// redrawBar is how often a bar is drawn.
	redrawBar = 100 * time.Millisecond

	// roomForAll is the width of a terminal that a bar needs with its rate and times: those of ten million events take 60 to
	// 75 columns, however short the bar. On less they would go on in the next line, and each draw leave a line behind.
	roomForAll = 80

	// roomForBar is the same without its rate and times. With less there is no bar, but plain lines.
	roomForBar = 40
)

// meter shows how far a step is: a bar on a terminal, and elsewhere a plain line
// now and then, so that a log stays readable.
//
// It writes in a goroutine of its own, so that the work never waits for a terminal that stands still, or for a pipe that nobody
// reads. What was not drawn meanwhile shows in the next drawing.
type meter struct {
	out      io.Writer
	terminal bool
	narrow   bool // the terminal has no roomForAll
	done     atomic.Int64

	// These belong to the caller of Begin and End.
	over  chan struct{} // closed to end a step; nil: there is none
	shown chan struct{} // closed when nothing more of it is written
	stuck bool          // out takes no more: nothing is shown any more
}

// newMeter returns a meter on stderr. A bar needs the terminal itself, to know its width; plain lines stand between those
// of words.
func newMeter(out surroundings) *meter {
	if width := widthOf(out.stderr); width >= roomForBar {
		return &meter{out: out.stderr, terminal: true, narrow: width < roomForAll}
	}
	return &meter{out: drawing{out.words}}
}

// Begin starts a step of total events.
func (m *meter) Begin(what string, total int) {
	var look []progressbar.Option
	if !m.narrow {
		look = append(look, progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"))
	}
	m.begin(what, total, "", look...)
}

// BeginBytes starts a step of total bytes; 0: the total is not known.
func (m *meter) BeginBytes(what string, total int64) {
	m.begin(what, int(total), " bytes", progressbar.OptionShowBytes(true))
}

func (m *meter) begin(what string, total int, unit string, look ...progressbar.Option) {
	m.done.Store(0)
	if m.stuck {
		return
	}
	over, shown := make(chan struct{}), make(chan struct{})
	m.over, m.shown = over, shown
	go func() { // stops with over, awaited in End
		defer close(shown)
		if m.terminal {
			m.draw(m.bar(what, total, look), total, over)
			return
		}
		if total > 0 {
			unit = fmt.Sprintf(" of %d%s", total, unit)
		}
		m.each(quietFor, over, func(done int) { fmt.Fprintf(m.out, "%s: %d%s\n", what, done, unit) })
	}()
}

func (m *meter) bar(what string, total int, look []progressbar.Option) *progressbar.ProgressBar {
	if total == 0 {
		total = -1 // a spinner
	}
	return progressbar.NewOptions(total, append(look, progressbar.OptionSetWriter(m.out), progressbar.OptionSetDescription(what),
		progressbar.OptionSetWidth(30), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(!m.narrow),
		progressbar.OptionSetElapsedTime(!m.narrow), progressbar.OptionClearOnFinish())...)
}

func (m *meter) draw(bar *progressbar.ProgressBar, total int, over <-chan struct{}) {
	_ = bar.RenderBlank() // the terminal is all it could fail on
	m.each(redrawBar, over, func(done int) {
		if total > 0 { // a spinner has no end; what its bar takes for one is its width
			done = min(done, total) // that of an audit is an estimate, and a bar refuses to pass its end
		}
		_ = bar.Set(done)
	})
	_ = bar.Finish() // clears the line, and ends a spinner, which Clear does not
}

// each calls show every now and then until the step is over, where there is something new.
func (m *meter) each(pause time.Duration, over <-chan struct{}, show func(done int)) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for last := 0; ; {
		select {
		case <-over:
			return
		case <-tick.C:
			if done := int(m.done.Load()); done != last {
				last = done
				show(done)
			}
		}
	}
}

// Add tells that n more events are done.
func (m *meter) Add(n int) { m.done.Add(int64(n)) }

// End closes the step; without a Begin it does nothing.
func (m *meter) End() {
	if m.over == nil {
		return
	}
	close(m.over)
	m.over = nil
	select {
	case <-m.shown:
	case <-time.After(drawTimeout):
		m.stuck = true
	}
}
