package httpapi

import (
	"bytes"
	"iter"
)

// smuggled names what makes the end of a request ambiguous; "" when nothing does.
// A proxy in front may have taken the other reading, and would then pass on a
// part of one client's body as another client's request. The lines are read as
// they were sent: fasthttp forgets a Content-Length beside chunked, and forgets
// Transfer-Encoding: identity altogether.
func smuggled(raw []byte) string {
	lengths, codings := 0, 0
	for name, value := range headerLines(raw) {
		switch {
		case bytes.ContainsAny(name, " \t"):
			return "a header's name has no blank in it"
		case bytes.EqualFold(name, []byte("Content-Length")):
			lengths++
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			if codings++; !bytes.EqualFold(value, []byte("chunked")) {
				return "the only Transfer-Encoding taken is chunked"
			}
		}
	}
	switch {
	case lengths > 0 && codings > 0:
		return "send Content-Length or Transfer-Encoding, not both"
	case lengths > 1 || codings > 1:
		return "send Content-Length or Transfer-Encoding once"
	}
	return ""
}

// headerLines goes through the lines of a header as they were sent.
func headerLines(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for line := range bytes.Lines(raw) {
			name, value, found := bytes.Cut(line, []byte(":"))
			if !found {
				continue // the empty line at the end
			}
			if !yield(name, bytes.TrimSpace(value)) {
				return
			}
		}
	}
}
