package event

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

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

// plain passes over characters that stand for themselves, eight at a time. It stops at or before the first one
// that may not: a quote, a backslash, a control character, or a byte that is not ASCII. The high bit of each byte
// of found tells whether such a character stands there. A borrow may set the bits of the bytes behind it wrongly, but
// the first borrow is at a byte that was found rightly, and only the first byte found counts.
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
		return d.fail(i, "an invalid escape inside a string")
	}
	r, ok := hex4(d.src, i+2)
	switch {
	case !ok:
		return d.fail(i, "\\u must be followed by four hexadecimal digits")
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
