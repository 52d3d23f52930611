package event

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file, string.go and number.go read JSON by the grammar of RFC 8259. They find where a value ends and
// which of its parts Postgres would refuse (a flaw), and nothing else. An error in the grammar stops the
// decoder. A flaw does not: the first flaw of a value is noted, and reading goes on.

// at is the byte at i, or 0 behind the end: no token starts with 0.
func (d *decoder) at(i int) byte {
	if i < len(d.src) {
		return d.src[i]
	}
	return 0
}

// found describes what stands at i, for an error message.
func (d *decoder) found(i int) string {
	if i >= len(d.src) && d.format == NDJSON {
		return "the end of the line"
	}
	if i >= len(d.src) {
		return "the end"
	}
	switch c := d.src[i]; {
	case c == '{':
		return "an object"
	case c == '[':
		return "an array"
	case c == '"':
		return "a string"
	case c == '-' || '0' <= c && c <= '9':
		return "a number"
	case strings.HasPrefix(d.src[i:], "true") || strings.HasPrefix(d.src[i:], "false"):
		return "a boolean"
	case strings.HasPrefix(d.src[i:], "null"):
		return "null"
	}
	if i == 0 && strings.HasPrefix(d.src, "\xef\xbb\xbf") {
		return "a byte order mark (send UTF-8 without one)"
	}
	if i == 0 && (strings.HasPrefix(d.src, "\xff\xfe") || strings.HasPrefix(d.src, "\xfe\xff")) {
		return "UTF-16 (send UTF-8)"
	}
	r, _ := utf8.DecodeRuneInString(d.src[i:])
	if r == utf8.RuneError {
		return fmt.Sprintf("the byte 0x%02x", d.src[i])
	}
	return strconv.QuoteRune(r)
}

// space passes over white space.
func (d *decoder) space(i int) int {
	for i < len(d.src) {
		switch d.src[i] {
		case ' ', '\t', '\n', '\r':
			i++
		default:
			return i
		}
	}
	return i
}

// value reads one value of any kind. Open brackets are kept on a stack that belongs to the decoder, not on the
// stack of the goroutine, so that a body of nothing but brackets costs one byte a level.
func (d *decoder) value(i int) int {
	d.open.depth = 0
	for {
		switch c := d.at(i); c {
		case '{', '[':
			if d.open.depth == maxSyntaxDepth {
				return d.fail(i, "nested more than %d levels deep", maxSyntaxDepth)
			}
			d.open.push(c)
			if d.open.depth > d.limits.MaxDepth {
				d.note(CodePayloadTooDeep, i)
			}
			i = d.space(i + 1)
			if d.at(i) != c+2 { // ']' is '[' + 2 and '}' is '{' + 2
				if c == '{' {
					if i = d.nestedName(i); i == stop {
						return stop
					}
				}
				continue
			}
			i++
			d.open.depth--
		case '"':
			i = d.str(i)
		case 't':
			i = d.literal(i, "true")
		case 'f':
			i = d.literal(i, "false")
		case 'n':
			i = d.literal(i, "null")
		default:
			i = d.number(i)
		}
		if i == stop {
			return stop
		}
		more := false
		if i, more = d.afterValue(i); !more {
			return i
		}
	}
}

// brackets is a stack of open brackets. The first 64 stand in the decoder itself, so that no value within the default
// nesting limit costs an allocation.
type brackets struct {
	depth int
	outer [64]byte
	inner []byte // those behind outer
}

func (b *brackets) push(c byte) {
	if at := b.depth - len(b.outer); at >= 0 {
		b.inner = append(b.inner[:at], c)
	} else {
		b.outer[b.depth] = c
	}
	b.depth++
}

func (b *brackets) top() byte {
	if at := b.depth - 1 - len(b.outer); at >= 0 {
		return b.inner[at]
	}
	return b.outer[b.depth-1]
}

// afterValue reads on behind a value: it closes brackets until a comma asks for another value (more) or no
// bracket is open.
func (d *decoder) afterValue(i int) (next int, more bool) {
	for d.open.depth > 0 {
		open := d.open.top()
		i = d.space(i)
		switch d.at(i) {
		case open + 2:
			d.open.depth--
			i++
		case ',':
			i = d.space(i + 1)
			if open == '{' {
				i = d.nestedName(i)
			}
			return i, i != stop
		default:
			return d.fail(i, "expected ',' or '%c', found %s", open+2, d.found(i)), false
		}
	}
	return i, false
}

// nestedName reads a name inside a value, up to the value it names.
func (d *decoder) nestedName(i int) int {
	if i = d.name(i); i == stop {
		return stop
	}
	return d.colon(i)
}

func (d *decoder) literal(i int, word string) int {
	if !strings.HasPrefix(d.src[i:], word) {
		return d.fail(i, "expected a JSON value, found %s", d.found(i))
	}
	return i + len(word)
}
