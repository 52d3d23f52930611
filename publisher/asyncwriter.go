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
	// readerPatience is how long a report, or the last message, waits for a reader who takes nothing. It is long enough for
	// somebody who has stopped a terminal (Ctrl-S) to read what is there, and has an end for a parent that never reads. A
	// guess.
	readerPatience = 5 * time.Minute

	// readerPatienceAfterInterrupt is the same after an interrupt, when somebody waits for the end: together with client.Grace,
	// which comes before it, it is shorter than supervisors wait before they kill. A guess.
	readerPatienceAfterInterrupt = 5 * time.Second

	// drawTimeout is how long it may take to wipe away what is only drawn, as a bar is.
	drawTimeout = time.Second

	// maxWaitingLines is how many lines may wait to be written. Where maxWaitingDrawings wait nothing is drawn: it would be
	// out of date before it is seen.
	maxWaitingLines    = 1_000
	maxWaitingDrawings = 16
)

// asyncWriter writes to a terminal or a pipe in a goroutine of its own. So nobody who has something to say waits for a
// terminal that stands still (Ctrl-S), or for a pipe that nobody reads. Only flush waits, and not for ever.
type asyncWriter struct {
	to    io.Writer
	lines chan line
}

// line is something to write, or the question of flush.
type line struct {
	text    []byte
	written chan<- error // is told when all before it is written; it has room
}

// writeAsync starts the goroutine, which end stops.
func writeAsync(to io.Writer) *asyncWriter {
	a := &asyncWriter{to: to, lines: make(chan line, maxWaitingLines)}
	go a.run()
	return a
}

// Write takes a line, if there is room for it: else it is lost. It does not fail.
func (a *asyncWriter) Write(text []byte) (int, error) {
	select {
	case a.lines <- line{text: bytes.Clone(text)}:
	default:
	}
	return len(text), nil
}

// Draw is Write for what is of no use later on: it is lost where even few lines wait.
func (a *asyncWriter) Draw(text string) {
	if len(a.lines) < maxWaitingDrawings {
		_, _ = a.Write([]byte(text))
	}
}

// drawing is an asyncWriter that is only drawn on.
type drawing struct{ *asyncWriter }

// Write implements io.Writer. It does not fail.
func (d drawing) Write(text []byte) (int, error) {
	d.Draw(string(text))
	return len(text), nil
}

// flush returns when all that was said is written, with the first error of that. It gives up after patience (0: never), and
// soon after ctx has ended. What waits then is left to the goroutine: it is written if somebody reads after all.
func (a *asyncWriter) flush(ctx context.Context, patience time.Duration) error {
	ctx, cancel := client.Outlive(ctx, readerPatienceAfterInterrupt)
	defer cancel()
	if patience > 0 {
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	began, written := time.Now(), make(chan error, 1)
	select {
	case a.lines <- line{written: written}:
	case <-ctx.Done():
	}
	select {
	case err := <-written:
		return err
	case <-ctx.Done():
		return fmt.Errorf("its reader has not read for %v", time.Since(began).Round(time.Second))
	}
}

// message is a line of the program's own, as it stands on stderr.
func message(format string, args ...any) []byte {
	var t table
	t.line("publisher: "+format, args...)
	return t.Bytes()
}

// conclude says what is said last, and waits for its reader.
func (a *asyncWriter) conclude(ctx context.Context, text []byte) {
	_, _ = a.Write(text)
	_ = a.flush(ctx, readerPatience) // nowhere is left to tell that it failed
}

// end has the goroutine stop when all is written, and does not wait for that. Nothing may be said after it.
func (a *asyncWriter) end() { close(a.lines) }

func (a *asyncWriter) run() {
	var failed error
	for l := range a.lines {
		switch {
		case l.written != nil:
			l.written <- failed
		case failed == nil:
			_, failed = a.to.Write(l.text)
		}
	}
}
