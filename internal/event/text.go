package event

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// shortText takes the value start..end as event_id, topic or source. It returns "" if it has refused the value.
func (d *decoder) shortText(m member, start, end int) string {
	field := m.String()
	text, ok := d.stringMember(field, "a string", start, end)
	if !ok {
		return ""
	}
	r, at := controlCharacter(text)
	switch {
	case text == "":
		d.event.refuse(field, CodeEmpty, fmt.Sprintf("%s is empty; it must have 1 to %d bytes", field, MaxTextBytes))
	case len(text) > MaxTextBytes:
		d.event.refuse(field, CodeTooLong, fmt.Sprintf("%s is %d bytes long; at most %d are allowed", field, len(text), MaxTextBytes))
	case at >= 0:
		d.event.refuse(field, CodeControlCharacter, fmt.Sprintf("%s has the control character U+%04X (at byte %d of the value); leave it out", field, r, at))
	default:
		return text
	}
	return ""
}

// stringMember takes the value start..end as a member that must be a string; want says so in words. ok is false if it
// has refused the value.
func (d *decoder) stringMember(field, want string, start, end int) (text string, ok bool) {
	if d.src[start] != '"' {
		d.event.refuse(field, CodeWrongType, field+" must be "+want+", found "+d.found(start))
		return "", false
	}
	if code := d.flaw.code; code == CodeInvalidUTF8 || code == CodeLoneSurrogate {
		d.event.refuse(field, code, d.sentence(field, start+1))
		return "", false
	}
	return d.text(start, end), true
}

// controlCharacter finds the first of C0, DEL and C1; at is -1 without one.
func controlCharacter(text string) (r rune, at int) {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c < ' ' || c == 0x7F:
			return rune(c), i
		case c == 0xC2 && i+1 < len(text) && text[i+1] < 0xA0:
			return rune(text[i+1]), i
		}
	}
	return 0, -1
}

// text is the string start..end without its quotes and escapes. It shares the body's memory unless there was an
// escape to undo. It must be called right after str(start), so that d.escape tells of this string.
func (d *decoder) text(start, end int) string {
	raw := d.src[start+1 : end-1]
	if !d.escape {
		return raw
	}
	return unescape(raw)
}

// unescape undoes the escapes of a string that str has accepted. A lone surrogate
// becomes U+FFFD here, but it is a flaw, and the caller refuses the value.
func unescape(raw string) string {
	var b strings.Builder
	b.Grow(len(raw))
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			b.WriteByte(raw[i])
			i++
			continue
		}
		switch c := raw[i+1]; c {
		case 'u':
			r, _ := hex4(raw, i+2)
			i += 6
			if isHighSurrogate(r) && i+6 <= len(raw) && raw[i] == '\\' && raw[i+1] == 'u' {
				if low, ok := hex4(raw, i+2); ok && isLowSurrogate(low) {
					r = utf16.DecodeRune(r, low)
					i += 6
				}
			}
			b.WriteRune(r)
		default:
			if at := strings.IndexByte("bfnrt", c); at >= 0 {
				c = "\b\f\n\r\t"[at]
			}
			b.WriteByte(c)
			i += 2
		}
	}
	return b.String()
}

// quote shows a piece of a client's text in a message: short, escaped, safe.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "…"
	}
	return strconv.QuoteToASCII(s)
}

// printable is the name of a client's member as FieldError.Field shows it: unchanged if it is short and clean,
// otherwise quoted.
func printable(name string) string {
	if len(name) > 64 || !utf8.ValidString(name) {
		return quote(name)
	}
	if _, at := controlCharacter(name); at >= 0 {
		return quote(name)
	}
	return name
}

// ValidText tells whether s could be the event_id, topic or source of an event.
func ValidText(s string) bool {
	if s == "" || len(s) > MaxTextBytes || !utf8.ValidString(s) {
		return false
	}
	_, at := controlCharacter(s)
	return at < 0
}
