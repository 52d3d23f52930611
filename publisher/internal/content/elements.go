package content

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"ingot/publisher/internal/lines"
	"ingot/publisher/internal/record"
)

const (
	// maxNesting is how deep brackets may be nested in one element: deeper than any server takes.
	maxNesting = 10_000
)

// Elements gives out the elements of JSON: those of an array, or of several, or of the array in {"events":[..]}, and
// objects that stand by themselves. Each may take as many lines as it likes. It looks only for where an element ends:
// whether it is JSON up to there is for whoever decodes it to say. What is cut, or has a bracket in the wrong place, has no
// end that could be known; there Elements ends with an error, which names the element by its number from 0.
//
// Of an element longer than the window only its beginning is given out.
type Elements struct {
	src    *bufio.Reader
	window int
	place  place
	inside bool // the array that is open stands in {"events":[..]}

	number int64  // of elements that were given out
	text   []byte // of the element that is being read, up to the window
	long   bool   // it is longer than that
	size   int    // bytes since the element before
	open   []byte // brackets that are open
	err    error  // what has ended it
}

// place is where the next token stands.
type place int

const (
	outside place = iota // of any array
	first                // behind [
	behind               // behind an element of an array
	next                 // behind a comma
)

// NewElements returns Elements for elements of up to window bytes.
func NewElements(src io.Reader, window int) *Elements {
	return &Elements{src: bufio.NewReaderSize(src, chunk), window: window}
}

// Next returns the next element as a Line, and io.EOF when there is none.
func (e *Elements) Next() (lines.Line, error) {
	if e.err == nil {
		e.text, e.long, e.size = e.text[:0], false, 0
		e.err = e.element()
	}
	if e.err != nil {
		return lines.Line{}, e.err
	}
	e.number++
	return lines.Line{Number: e.number, Part: 1, Last: !e.long, Text: e.text, Size: e.size}, nil
}

// broken is the error of what has no end that could be known. Nothing of it is pending.
func (e *Elements) broken(format string, args ...any) error {
	e.text = e.text[:0]
	return fmt.Errorf(format, args...)
}

// Pending is how many bytes are read of an element that has no end yet.
func (e *Elements) Pending() int { return len(e.text) }

func (e *Elements) element() error {
	c, err := e.begin()
	if err != nil {
		return err
	}
	e.take(c)
	if err := e.value(c); errors.Is(err, io.EOF) {
		return e.broken("it is truncated, or a quote or a bracket is missing: [%d] has no end", e.number)
	} else if err != nil {
		return err
	}
	if e.place != outside {
		e.place = behind
	}
	return nil
}

// begin returns the first byte of the next element, and io.EOF where there is none and nothing is open.
func (e *Elements) begin() (byte, error) {
	for {
		c, err := e.token()
		if errors.Is(err, io.EOF) && e.place != outside {
			err = e.broken("it is truncated: its array has no end")
		}
		if err != nil {
			return 0, err
		}
		array := e.place == outside && c == '['
		wrapped := e.place == outside && c == '{' && e.wrapper()
		switch {
		case array, wrapped:
			e.place, e.inside = first, wrapped
		case (e.place == first || e.place == behind) && c == ']':
			err = e.close()
		case e.place == behind && c == ',':
			e.place = next
		case e.place == outside && c == '{', (e.place == first || e.place == next) && !strings.ContainsRune(",:]}", rune(c)):
			return c, nil
		default:
			err = e.unexpected(c)
		}
		if err != nil {
			return 0, err
		}
	}
}

func (e *Elements) unexpected(c byte) error {
	want := map[place]string{outside: "an array or an object", first: "an element", behind: "a comma or the end of the array", next: "an element"}
	return e.broken("before [%d] it stops being JSON: expected %s, found %q", e.number, want[e.place], []byte{c})
}

// wrapper tells whether what stands behind a { is the "events":[ of a list of events, and then passes over it.
func (e *Elements) wrapper() bool {
	head := ahead{src: e.src}
	if !head.wrapper() {
		return false
	}
	n, _ := e.src.Discard(head.at) // no error: so many bytes have come
	e.size += n
	return true
}

// close leaves an array and the object that it stands in, of which the other members are passed over.
func (e *Elements) close() error {
	e.place = outside
	if !e.inside {
		return nil
	}
	e.open = append(e.open[:0], '{')
	err := e.nested(func(byte) {})
	if errors.Is(err, io.EOF) {
		return e.broken(`it is truncated: the object around "events" has no end`)
	}
	return err
}

// value reads the rest of a value that begins with c.
func (e *Elements) value(c byte) error {
	switch c {
	case '{', '[':
		e.open = append(e.open[:0], c)
		return e.nested(e.take)
	case '"':
		return e.quoted(e.take)
	}
	for { // a number or a word, which is no event
		c, err := e.byte()
		if err != nil {
			return err
		}
		if blank(c) || strings.ContainsRune(",:]}", rune(c)) {
			e.size--
			return e.src.UnreadByte()
		}
		e.take(c)
	}
}

// nested reads up to where the last bracket that is open is closed.
func (e *Elements) nested(take func(byte)) error {
	for len(e.open) > 0 {
		c, err := e.byte()
		if err != nil {
			return err
		}
		take(c)
		switch last := len(e.open) - 1; c {
		case '"':
			err = e.quoted(take)
		case '{', '[':
			if e.open = append(e.open, c); len(e.open) > maxNesting {
				err = e.broken("[%d] is nested more than %d levels deep", e.number, maxNesting)
			}
		case '}', ']':
			if e.open[last] != c-2 { // in ASCII an opening bracket stands two before its closing one
				err = e.broken("[%d] is not JSON, and its end cannot be found: there is %q where %q must be closed", e.number, string(c), string(e.open[last]))
			}
			e.open = e.open[:last]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// quoted reads up to where a string ends.
func (e *Elements) quoted(take func(byte)) error {
	for escaped := false; ; {
		c, err := e.byte()
		if err != nil {
			return err
		}
		take(c)
		if c == '"' && !escaped {
			return nil
		}
		escaped = c == '\\' && !escaped
	}
}

// token returns the next byte that is not blank. At the beginning it passes over a byte order mark.
func (e *Elements) token() (byte, error) {
	for {
		c, err := e.byte()
		if err == nil && c == record.ByteOrderMark[0] && e.number == 0 && e.place == outside {
			if rest, _ := e.src.Peek(len(record.ByteOrderMark) - 1); string(rest) == record.ByteOrderMark[1:] {
				_, _ = e.src.Discard(len(rest)) // no error: they have come
				continue
			}
		}
		if err != nil || !blank(c) {
			return c, err
		}
	}
}

func (e *Elements) byte() (byte, error) {
	c, err := e.src.ReadByte()
	if err == nil {
		e.size++
	}
	return c, err
}

func (e *Elements) take(c byte) {
	if e.long = len(e.text) == e.window; !e.long {
		e.text = append(e.text, c)
	}
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
