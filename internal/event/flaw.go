package event

import "fmt"

// flaw is something that is JSON but cannot become a jsonb value.
type flaw struct {
	code Code
	at   int
}

// sentence says which flaw was found in a field that begins at start, and what to send instead.
func (d *decoder) sentence(field string, start int) string {
	at := d.flaw.at - start
	switch d.flaw.code {
	case CodeInvalidUTF8:
		return fmt.Sprintf("%s is not UTF-8 (at byte %d of the value); send UTF-8", field, at)
	case CodeLoneSurrogate:
		return fmt.Sprintf("%s has half a surrogate pair (at byte %d of the value); send both halves, or the character itself", field, at)
	case CodePayloadNUL:
		return fmt.Sprintf("%s has \\u0000 (at byte %d of the value), which Postgres cannot store; leave it out", field, at)
	case CodeNumberOutOfRange:
		return fmt.Sprintf("%s has a number (at byte %d of the value) that jsonb cannot store: at most 131072 digits before the decimal point, 16383 after it; send it as a string", field, at)
	default: // CodePayloadTooDeep
		return fmt.Sprintf("%s is nested more than %d levels deep (at byte %d of the value); send deeper structures as a string", field, d.limits.MaxDepth, at)
	}
}

func (d *decoder) note(code Code, at int) {
	if d.flaw.code == "" {
		d.flaw = flaw{code: code, at: at}
	}
}
