package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"ingot/publisher/internal/client"
)

const (
	// unread is how long a report, or last words, wait for a reader who takes nothing: long enough for somebody who has
	// stopped a terminal (Ctrl-S) to read what is there, and an end for a parent that never reads. A guess.
	unread = 5 * time.Minute

	// unreadAfterInterrupt is the same after an interrupt, where somebody waits for the end: with grace before it, it is
	// shorter than what supervisors wait before they kill. A guess.
	unreadAfterInterrupt = 5 * time.Second

	// lastStroke is how long what is only drawn may take to be wiped away.
	lastStroke = time.Second

	// linesKept is how many lines may wait to be written; strokesKept is how many may wait for a stroke to be added.
	linesKept   = 1_000
	strokesKept = 16
)

// behind writes to a terminal or a pipe in a goroutine of its own: nobody who has something to say waits for a terminal that
// stands still (Ctrl-S), or for a pipe that nobody reads, but by flush, and there not for ever.
type behind struct {
	to    io.Writer
	lines chan line
}

// line is something to write, or the question of flush.
type line struct {
	text    []byte
	written chan<- error // is told when all before it is written; it has room
}

// writeBehind starts the goroutine, which end stops.
func writeBehind(to io.Writer) *behind {
	b := &behind{to: to, lines: make(chan line, linesKept)}
	go b.run()
	return b
}

// Write takes a line, if there is room for it: else it is lost. It does not fail.
func (b *behind) Write(text []byte) (int, error) {
	select {
	case b.lines <- line{text: bytes.Clone(text)}:
	default:
	}
	return len(text), nil
}

// Draw is Write for what is of no use later on: it is lost where even few lines wait.
func (b *behind) Draw(text string) {
	if len(b.lines) < strokesKept {
		_, _ = b.Write([]byte(text))
	}
}

// strokes is a behind that is only drawn on.
type strokes struct{ *behind }

// Write implements io.Writer. It does not fail.
func (s strokes) Write(text []byte) (int, error) {
	s.Draw(string(text))
	return len(text), nil
}

// flush returns when all that was said is written, with the first error of that. It gives up after patience, of which 0 has
// no end, and soon after ctx has ended. What waits then is left behind: it is written if somebody reads after all.
func (b *behind) flush(ctx context.Context, patience time.Duration) error {
	ctx, cancel := client.Outlive(ctx, unreadAfterInterrupt)
	defer cancel()
	if patience > 0 {
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	began, written := time.Now(), make(chan error, 1)
	select {
	case b.lines <- line{written: written}:
	case <-ctx.Done():
	}
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
		return fmt.Errorf("nobody has read it for %v", time.Since(began).Round(time.Second))
	}
}

// conclude says what is said last, and waits for its reader.
func (b *behind) conclude(ctx context.Context, text []byte) {
	_, _ = b.Write(text)
	_ = b.flush(ctx, unread) // nowhere is left to tell that it failed
}

// end has the goroutine stop when all is written, and does not wait for that. Nothing may be said after it.
func (b *behind) end() { close(b.lines) }

func (b *behind) run() {
	var failed error
	for l := range b.lines {
		switch {
		case l.written != nil:
			l.written <- failed
		case failed == nil:
			_, failed = b.to.Write(l.text)
		}
	}
}
