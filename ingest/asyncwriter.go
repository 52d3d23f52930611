package main

import (
	"bytes"
	"io"
	"sync/atomic"
	"time"
)

const (
	// maxWaitingLines is how many lines of the log may wait to be written. A line has some hundred bytes.
	maxWaitingLines = 1_000

	// lastLinesTimeout is how long a process that ends waits for these lines to be written.
	lastLinesTimeout = time.Second
)

// asyncWriter writes the lines of the log in a goroutine of its own, so that logging never blocks on a stopped terminal (Ctrl-S)
// or on a pipe that nobody reads. A line that finds no room is dropped, and counted.
type asyncWriter struct {
	to       io.Writer
	tellLost func(lines int64) // called between two lines, where the lost ones would stand
	lines    chan waiting
	lost     atomic.Int64 // lines lost since the last one that found room
	ending   chan struct{}
	ended    chan struct{}
}

// waiting is a line, and how many lines were lost right before it.
type waiting struct {
	line []byte
	lost int64
}

// writeAsync starts the goroutine, which end stops.
func writeAsync(to io.Writer, tellLost func(lines int64)) *asyncWriter {
	a := &asyncWriter{to: to, tellLost: tellLost, lines: make(chan waiting, maxWaitingLines), ending: make(chan struct{}), ended: make(chan struct{})}
	go a.run()
	return a
}

// Write takes a line, if there is room for it. It does not fail.
func (a *asyncWriter) Write(line []byte) (int, error) {
	w := waiting{bytes.Clone(line), a.lost.Swap(0)}
	select {
	case a.lines <- w:
	default:
		a.lost.Add(w.lost + 1)
	}
	return len(line), nil
}

func (a *asyncWriter) run() {
	defer close(a.ended)
	for {
		select {
		case w := <-a.lines:
			a.write(w)
		case <-a.ending:
			for len(a.lines) > 0 {
				a.write(<-a.lines)
			}
			a.tell(a.lost.Swap(0))
			return
		}
	}
}

func (a *asyncWriter) write(w waiting) {
	a.tell(w.lost)
	_, _ = a.to.Write(w.line) // nobody could be told
}

func (a *asyncWriter) tell(lost int64) {
	if lost > 0 {
		a.tellLost(lost)
	}
}

// end has the goroutine write the lines that wait and then stop. It waits for that, for lastLinesTimeout at most.
func (a *asyncWriter) end() {
	close(a.ending)
	select {
	case <-a.ended:
	case <-time.After(lastLinesTimeout):
	}
}
