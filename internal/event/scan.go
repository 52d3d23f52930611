package event

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// This file reads JSON by the grammar of RFC 8259 and nothing else: where a
// value ends, and which of its parts Postgres would refuse. A grammar error
// stops; a flaw is noted (the first one counts) and reading goes on.

// flaw is something that is JSON but cannot become a jsonb value.
type flaw struct {
	code Code
	at   int
}

func (f flaw) sentence(field string, start int) string {
	at := f.at - start
	switch f.code {
	case CodeInvalidUTF8:
		return fmt.Sprintf("%s is not UTF-8 at its byte %d; send UTF-8", field, at)
	case CodeLoneSurrogate:
		return fmt.Sprintf("%s has half a surrogate pair at its byte %d; send both halves, or the character itself", field, at)
	case CodePayloadNUL:
		return fmt.Sprintf("%s has \\u0000 at its byte %d, which Postgres cannot hold; leave it out", field, at)
	case CodeNumberOutOfRange:
		return fmt.Sprintf("%s has a number at its byte %d that jsonb cannot hold (131072 digits before the point, 16383 behind it); send it as a string", field, at)
	case CodePayloadTooDeep:
		return fmt.Sprintf("%s nests too deeply at its byte %d; send deeper structures as a string", field, at)
	}
	return field + " cannot be stored"
}

func (d *decoder) note(code Code, at int) {
	if d.flaw.code == "" {
		d.flaw = flaw{code: code, at: at}
	}
}

// at is the byte at i, or 0 behind the end: no token starts with 0.
func (d *decoder) at(i int) byte {
	if i < len(d.src) {
		return d.src[i]
	}
	return 0
}

// found describes what stands at i, for an error message.
func (d *decoder) found(i int) string {
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
	case hasLiteral(d.src[i:], "true") || hasLiteral(d.src[i:], "false"):
		return "a boolean"
	case hasLiteral(d.src[i:], "null"):
		return "null"
	}
	if len(d.src) >= 3 && i == 0 && d.src[:3] == "\xef\xbb\xbf" {
		return "a byte order mark (send UTF-8 without one)"
	}
	r, _ := utf8.DecodeRuneInString(d.src[i:])
	if r == utf8.RuneError {
		return fmt.Sprintf("the byte 0x%02x", d.src[i])
	}
	return strconv.QuoteRune(r)
}

func hasLiteral(s, literal string) bool {
	return len(s) >= len(literal) && s[:len(literal)] == literal
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

// value reads one value of any kind. Brackets are kept on a stack of the
// decoder's, not on the goroutine's, so that a body of nothing but brackets
// costs one byte a level.
func (d *decoder) value(i int) int {
	d.open.depth = 0
	for {
		switch c := d.at(i); c {
		case '{', '[':
			if d.open.depth == maxSyntaxDepth {
				return d.fail(i, "nested more than %d deep", maxSyntaxDepth)
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

// brackets is a stack of open brackets. The outer ones are bits of one word: what
// nests as deep as payloads may costs no allocation.
type brackets struct {
	depth int
	outer uint64 // of the first 64: is it a brace
	inner []byte
}

func (b *brackets) push(c byte) {
	switch at := b.depth - 64; {
	case at >= 0:
		b.inner = append(b.inner[:at], c)
	case c == '{':
		b.outer |= 1 << b.depth
	default:
		b.outer &^= 1 << b.depth
	}
	b.depth++
}

func (b *brackets) top() byte {
	switch at := b.depth - 65; {
	case at >= 0:
		return b.inner[at]
	case b.outer>>(b.depth-1)&1 == 1:
		return '{'
	}
	return '['
}

// afterValue closes brackets until a comma asks for another value (more) or
// none is open.
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
			return d.fail(i, "want ',' or '%c', found %s", open+2, d.found(i)), false
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
	if !hasLiteral(d.src[i:], word) {
		return d.fail(i, "want a JSON value, found %s", d.found(i))
	}
	return i + len(word)
}

// str reads a string from its opening quote; d.escape tells whether it has to
// be unescaped.
func (d *decoder) str(start int) int {
	d.escape = false
	s := d.src
	for i := plain(s, start+1); i < len(s); {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			d.escape = true
			if i = d.escaped(i); i == stop {
				return stop
			}
			i = plain(s, i)
		case c < ' ':
			return d.fail(i, "a control character (0x%02x) inside a string; escape it", c)
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				d.note(CodeInvalidUTF8, i)
			}
			i += size
		}
	}
	return d.fail(len(s), "a string is not closed")
}

// plain passes over characters that stand for themselves, eight at a time, and stops at or
// before the first that may not: a quote, a backslash, a control character, what is not ASCII. The
// high bit of each byte tells. Subtracting borrows from the next byte only behind one
// that is found, and the first counts.
func plain(s string, i int) int {
	const each = 0x0101010101010101
	for ; i+8 <= len(s); i += 8 {
		w := binary.LittleEndian.Uint64(unsafe.Slice(unsafe.StringData(s[i:]), 8))
		found := (w | (w - ' '*each) | (w ^ '"'*each - each) | (w ^ '\\'*each - each)) & (0x80 * each)
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	return i
}

// escaped reads one escape from its backslash.
func (d *decoder) escaped(i int) int {
	switch d.at(i + 1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return d.fail(i, "a bad escape inside a string")
	}
	r, ok := hex4(d.src, i+2)
	switch {
	case !ok:
		return d.fail(i, "\\u wants four hexadecimal digits")
	case r == 0:
		d.note(CodePayloadNUL, i)
	case isHighSurrogate(r):
		if low, ok := d.lowSurrogate(i + 6); ok && isLowSurrogate(low) {
			return i + 12
		}
		d.note(CodeLoneSurrogate, i)
	case isLowSurrogate(r):
		d.note(CodeLoneSurrogate, i)
	}
	return i + 6
}

func (d *decoder) lowSurrogate(i int) (rune, bool) {
	if d.at(i) != '\\' || d.at(i+1) != 'u' {
		return 0, false
	}
	return hex4(d.src, i+2)
}

func isHighSurrogate(r rune) bool { return 0xD800 <= r && r < 0xDC00 }
func isLowSurrogate(r rune) bool  { return 0xDC00 <= r && r < 0xE000 }

func hex4(s string, i int) (rune, bool) {
	if i+4 > len(s) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case '0' <= c && c <= '9':
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
