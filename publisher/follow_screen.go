package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	// redraw is how often the live line is drawn when nothing comes.
	redraw = 500 * time.Millisecond

	// fullScreen is how many bytes of events are gathered before they are written although more events have come
	// already. Without more to come they are written at once.
	fullScreen = 64 << 10

	// erase goes back to the start of the live line, and clears it.
	erase = "\r\x1b[K"
)

// errNotPrinted tells that stdout has failed: not all that was put on the screen is printed.
var errNotPrinted = errors.New("print events")

// screen is where events, words and the live line meet. On a terminal they share it,
// and the live line is always the last.
type screen struct {
	ctx            context.Context // of the run: once it ends, stdout is waited for no longer
	stdout, stderr *asyncWriter
	width          func() int // of the terminal that events are printed on; 0: none
	liveWidth      func() int // of the one that has the live line; 0: none, and no line

	mu         sync.Mutex // guards what follows, and the order of what is written
	gathered   bytes.Buffer
	gatheredTo string                 // the place behind what was gathered last
	printedTo  string                 // the place behind what stdout has taken; "": it has taken nothing
	words      func(time.Time) string // of the live line; nil: there is none
}

func newScreen(ctx context.Context, out surroundings) *screen {
	return &screen{
		ctx: ctx, stdout: writeAsync(out.stdout), stderr: out.words,
		width:     func() int { return widthOf(out.stdout) },
		liveWidth: func() int { return widthOf(out.stderr) },
	}
}

// widthOf is 0 for what is no terminal.
func widthOf(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return width
}

// live draws a line with these words until stop is called, where there is a terminal.
func (s *screen) live(words func(time.Time) string) (stop func()) {
	if s.liveWidth() == 0 {
		return func() {}
	}
	s.mu.Lock()
	s.words = words
	s.mu.Unlock()
	over, done := make(chan struct{}), make(chan struct{})
	go func() { // stops with over, awaited in stop
		defer close(done)
		for tick := time.NewTicker(redraw); ; {
			s.mu.Lock()
			s.drawLocked()
			s.mu.Unlock()
			select {
			case <-tick.C:
			case <-over:
				tick.Stop()
				return
			}
		}
	}()
	return func() {
		close(over)
		<-done
		s.mu.Lock()
		defer s.mu.Unlock()
		s.eraseLocked()
		s.words = nil
	}
}

// drawLocked leaves the last column free: some terminals go to the next line there.
func (s *screen) drawLocked() {
	if s.words != nil {
		s.stderr.Draw(erase + cut(s.words(time.Now()), s.liveWidth()-1))
	}
}

func (s *screen) eraseLocked() {
	if s.words != nil {
		s.stderr.Draw(erase)
	}
}

// put gathers a line for stdout. place is the one behind the event of the line.
func (s *screen) put(line []byte, place string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gathered.Write(line)
	s.gatheredTo = place
	if s.gathered.Len() < fullScreen {
		return nil
	}
	return s.flushLocked()
}

// flush writes what was gathered. When it returns nil, stdout has taken all of it.
func (s *screen) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flushLocked()
}

func (s *screen) flushLocked() error {
	if s.gathered.Len() == 0 {
		return nil
	}
	s.eraseLocked()
	defer s.drawLocked()
	if s.width() > 0 { // else it is no terminal that the live line could be on
		_ = s.stderr.flush(s.ctx, drawTimeout)
	}
	_, _ = s.stdout.Write(s.gathered.Bytes())
	s.gathered.Reset()
	if err := s.stdout.flush(s.ctx, 0); err != nil {
		return fmt.Errorf("%w: %w", errNotPrinted, err)
	}
	s.printedTo = s.gatheredTo
	return nil
}

// place is behind the last event that stdout has taken, "" for none.
func (s *screen) place() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.printedTo
}

// say writes a message, behind the events that came before it.
func (s *screen) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eraseLocked()
	defer s.drawLocked()
	_, _ = s.stderr.Write(message(format, args...))
}
