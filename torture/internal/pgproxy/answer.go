package pgproxy

import (
	"bufio"
	"io"
)

// answer passes the server's messages to the client until the server leaves or the connection is ended.
func (t *talk) answer() {
	defer t.c.End()
	in := bufio.NewReaderSize(t.c.Upstream(), bufferSize)
	out := bufio.NewWriterSize(t.c.Client(), bufferSize)
	for {
		kind, size, err := peek(in)
		if err != nil {
			_ = out.Flush()
			if t.keeps() == HangAfter {
				t.c.Hold() // until the client leaves
			}
			return
		}
		kept := t.keeps()
		// A client may wait for CopyInResponse before it sends its rows.
		if kept == "" || kind == 'G' {
			_, err = io.CopyN(out, in, int64(size))
		} else {
			_, err = in.Discard(size)
		}
		if err == nil && in.Buffered() == 0 {
			err = out.Flush()
		}
		if err != nil {
			return
		}
		if kind == 'Z' && t.ready() {
			t.c.Reset()
			return
		}
	}
}

// keepBack keeps back the answer to the message that is sent next, and all answers after it. late says that this
// message is the data of a COPY, whose Query was sent before: the answer kept back is that to the Query.
func (t *talk) keepBack(how Action, late bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept, t.keptFrom = how, t.asked
	if late {
		t.keptFrom--
	}
}

// keepAllBack keeps back whatever the server still has to say, its end among it.
func (t *talk) keepAllBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept, t.keptFrom = HangAfter, 0
}

// keeps tells whether what the server says now is kept back, and how: "" is that it is not.
func (t *talk) keeps() Action {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.answered >= t.keptFrom {
		return t.kept
	}
	return ""
}

// ready notes a ReadyForQuery. end is true when that ended the answer to swallow.
func (t *talk) ready() (end bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered++
	return t.kept == SwallowAfter && t.answered > t.keptFrom
}
