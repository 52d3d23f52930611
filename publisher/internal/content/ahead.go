package content

import (
	"bufio"
	"io"

	"ingot/publisher/internal/record"
)

// beginsList tells whether a source begins with an array of events, with {"events":[..]}, or with an event over several lines,
// as exports do and what jq prints: with anything that POST /publish takes as JSON. sure says that the source holds events,
// whatever they look like. Otherwise the first element has to be an event, or the array has to be empty, since lines of text
// may begin with a bracket, too. beginsList waits for more bytes as long as they could decide.
func beginsList(src *bufio.Reader, sure bool) bool {
	head := ahead{src: src}
	wrapped := false
	switch head.token() {
	case '[':
		head.at++
	case '{':
		object, spread := head, head
		head.at++
		if wrapped = head.wrapper(); !wrapped {
			return spread.spread() && (sure || record.Begins(&object))
		}
	default:
		return false
	}
	if !sure && head.token() == ']' { // an export of nothing
		head.at++
		return wrapped || head.token() == 0
	}
	return sure || head.token() == '{' && record.Begins(&head)
}

// ahead looks at what comes next from a source, and leaves it there. It sees no more than the buffer of the source can hold, and
// waits for no more than it is asked for.
type ahead struct {
	src *bufio.Reader
	at  int // how many bytes it has read
}

// Read implements io.Reader.
func (a *ahead) Read(to []byte) (int, error) {
	if _, err := a.src.Peek(a.at + 1); err != nil {
		return 0, io.EOF // it has ended, or the buffer has; whoever reads on is told
	}
	come, _ := a.src.Peek(a.src.Buffered()) // no error: so many bytes have come
	n := copy(to, come[a.at:])
	a.at += n
	return n, nil
}

// token passes over what is blank, and over the byte order mark of a file. It returns the byte behind that, which is not
// passed over, and 0 if there is none.
func (a *ahead) token() byte {
	for ; ; a.at++ {
		c := a.peek(0)
		if a.at == 0 && c == record.ByteOrderMark[0] && a.peek(1) == record.ByteOrderMark[1] && a.peek(2) == record.ByteOrderMark[2] {
			a.at += len(record.ByteOrderMark) - 1
			continue
		}
		if !blank(c) {
			return c
		}
	}
}

// wrapper tells whether "events":[ comes next, as it does behind the first bracket of {"events":[..]}, and if so passes over it.
func (a *ahead) wrapper() bool {
	for _, want := range []string{`"events"`, ":", "["} {
		a.token()
		for n := range len(want) {
			if a.peek(n) != want[n] {
				return false
			}
		}
		a.at += len(want)
	}
	return true
}

// spread tells whether the object that begins here goes on in the next line. It does not if its line merely breaks off, and the
// next one begins an object again.
func (a *ahead) spread() bool {
	depth, quoted := 0, false
	for ; ; a.at++ {
		switch c := a.peek(0); {
		case c == 0:
			return false
		case quoted && c == '\\':
			a.at++
		case c == '"':
			quoted = !quoted
		case c == '\n':
			return !quoted && a.token() != '{'
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return false
			}
		}
	}
}

// peek returns the nth byte from here, and 0 if there is none.
func (a *ahead) peek(n int) byte {
	head, err := a.src.Peek(a.at + n + 1)
	if err != nil {
		return 0
	}
	return head[a.at+n]
}
