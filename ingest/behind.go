package main

import (
	"bytes"
	"io"
	"sync/atomic"
	"time"
)

const (
	// linesKept is how many lines of the log may wait to be written. A line has some hundred bytes.
	linesKept = 1_000

	// lastLines is how long a process that ends waits for these lines to be written.
	lastLines = time.Second
)

// behind writes the lines of the log in a goroutine of its own, so that whoever logs never waits for a terminal that stands
// still (Ctrl-S) or a pipe that nobody reads. A line that finds no room is lost, and counted.
type behind struct {
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

// writeBehind starts the goroutine, which end stops.
func writeBehind(to io.Writer, tellLost func(lines int64)) *behind {
	b := &behind{to: to, tellLost: tellLost, lines: make(chan waiting, linesKept), ending: make(chan struct{}), ended: make(chan struct{})}
	go b.run()
	return b
}

// Write takes a line, if there is room for it. It does not fail.
func (b *behind) Write(line []byte) (int, error) {
	w := waiting{bytes.Clone(line), b.lost.Swap(0)}
	select {
	case b.lines <- w:
	default:
		b.lost.Add(w.lost + 1)
	}
	return len(line), nil
}

func (b *behind) run() {
	defer close(b.ended)
	for {
		select {
		case w := <-b.lines:
			b.write(w)
		case <-b.ending:
			for len(b.lines) > 0 {
				b.write(<-b.lines)
			}
			b.tell(b.lost.Swap(0))
			return
		}
	}
}

func (b *behind) write(w waiting) {
	b.tell(w.lost)
	_, _ = b.to.Write(w.line) // nobody could be told
}

func (b *behind) tell(lost int64) {
	if lost > 0 {
		b.tellLost(lost)
	}
}

// end has the goroutine write the lines that wait and then stop. It waits for that, for lastLines at most.
func (b *behind) end() {
	close(b.ending)
	select {
	case <-b.ended:
	case <-time.After(lastLines):
	}
}
