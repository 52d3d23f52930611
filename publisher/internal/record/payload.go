package record

import (
	"bytes"
	"encoding/base64"
	"strconv"
	"unicode/utf8"

	"ingot/publisher/internal/lines"
)

// frame is room for all of a piece's payload but its text:
// {"message_base64":"","line":9223372036854775807,"part":1000000000,"last":false}
const frame = 96

const base64Start = `{"message_base64":"`

// whole is the payload of a whole line, "" if it is longer than limit.
func whole(text []byte, limit int) string {
	var out []byte
	if readable(text) {
		out = appendMessage(make([]byte, 0, len(text)+16), text)
	} else {
		out = appendBase64(make([]byte, 0, 2*len(text)+24), text)
	}
	if out = append(out, '}'); len(out) > limit {
		return ""
	}
	return string(out)
}

// piece is the payload of the next piece of a long line, and how many bytes of l.Text that piece takes. The payload
// says which line the piece is of, and whether it is the last one. Where the line goes on behind l.Text, l.Text is at
// least as long as the limit; so the piece ends before l.Text does, and readable text between two runes.
func piece(l lines.Line, limit int) (string, int) {
	text, room := l.Text, limit-frame
	n := fit(text, room)
	var out []byte
	if readable(text[:n]) {
		out = appendMessage(nil, text[:n])
	} else {
		n = min(len(text), room/4*3)
		out = appendBase64(nil, text[:n])
	}
	out = strconv.AppendInt(append(out, `,"line":`...), l.Number, 10)
	out = strconv.AppendInt(append(out, `,"part":`...), int64(l.Part), 10)
	out = strconv.AppendBool(append(out, `,"last":`...), l.Last && n == len(l.Text))
	return string(append(out, '}')), n
}

// readable tells whether JSON and Postgres can hold the text as a string.
func readable(text []byte) bool { return utf8.Valid(text) && bytes.IndexByte(text, 0) < 0 }

// fit is the longest beginning of text that takes at most room bytes as a JSON
// string, cut between runes.
func fit(text []byte, room int) (n int) {
	for n < len(text) {
		_, size := utf8.DecodeRune(text[n:])
		if room -= max(size, len(escapes[text[n]])); room < 0 {
			break
		}
		n += size
	}
	return n
}

func appendMessage(dst, text []byte) []byte {
	dst = append(dst, `{"message":"`...)
	for _, c := range text {
		if e := escapes[c]; e != "" {
			dst = append(dst, e...)
		} else {
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

func appendBase64(dst, text []byte) []byte {
	dst = append(dst, base64Start...)
	dst = base64.StdEncoding.AppendEncode(dst, text)
	return append(dst, '"')
}

// escapes is what JSON wants in place of a byte. Everything else goes verbatim.
var escapes = func() (table [256]string) {
	const hex = "0123456789abcdef"
	for c := range 0x20 {
		table[c] = `\u00` + string([]byte{hex[c>>4], hex[c&15]})
	}
	table['\b'], table['\t'], table['\n'], table['\f'], table['\r'] = `\b`, `\t`, `\n`, `\f`, `\r`
	table['"'], table['\\'] = `\"`, `\\`
	return table
}()
