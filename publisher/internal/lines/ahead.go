package lines

import (
	"bufio"
	"io"
)

// ByteOrderMark is what some programs begin a file in UTF-8 with. It is no part of the first event.
const ByteOrderMark = "\ufeff"

// Ahead looks at what comes next from a source, and leaves it there. It sees no more than the buffer of the source can hold, and
// waits for no more than it is asked for.
type Ahead struct {
	Src *bufio.Reader
	At  int // how many bytes it has read
}

// Read implements io.Reader.
func (a *Ahead) Read(to []byte) (int, error) {
	if _, err := a.Src.Peek(a.At + 1); err != nil {
		return 0, io.EOF // it has ended, or the buffer has; whoever reads on is told
	}
	come, _ := a.Src.Peek(a.Src.Buffered()) // no error: so many bytes have come
	n := copy(to, come[a.At:])
	a.At += n
	return n, nil
}

// Token passes over what is blank, and over the byte order mark of a file. It returns the byte behind that, which is not
// passed over, and 0 if there is none.
func (a *Ahead) Token() byte {
	for ; ; a.At++ {
		c := a.peek(0)
		if a.At == 0 && c == ByteOrderMark[0] && a.peek(1) == ByteOrderMark[1] && a.peek(2) == ByteOrderMark[2] {
			a.At += len(ByteOrderMark) - 1
			continue
		}
		if !blank(c) {
			return c
		}
	}
}

// Wrapper tells whether "events":[ comes next, as it does behind the first bracket of {"events":[..]}, and if so passes over it.
func (a *Ahead) Wrapper() bool {
	for _, want := range []string{`"events"`, ":", "["} {
		a.Token()
		for n := range len(want) {
			if a.peek(n) != want[n] {
				return false
			}
		}
		a.At += len(want)
	}
	return true
}

// Spread tells whether the object that begins here goes on in the next line. It does not if its line merely breaks off, and the
// next one begins an object again.
func (a *Ahead) Spread() bool {
	depth, quoted := 0, false
	for ; ; a.At++ {
		switch c := a.peek(0); {
		case c == 0:
			return false
		case quoted && c == '\\':
			a.At++
		case c == '"':
			quoted = !quoted
		case c == '\n':
			return !quoted && a.Token() != '{'
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
func (a *Ahead) peek(n int) byte {
	head, err := a.Src.Peek(a.At + n + 1)
	if err != nil {
		return 0
	}
	return head[a.At+n]
}
