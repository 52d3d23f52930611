package httpapi

import (
	"bytes"
	"fmt"

	"github.com/valyala/fasthttp"
)

// maxFields bounds the fields of a request: those of its header together with the trailer fields of a chunked body.
// The memory that fasthttp takes for them stays with the connection: 1,000 connections held 342 KB each after 16 KiB
// of 5-byte fields. Apache has the same limit (LimitRequestFields).
const maxFields = 100

// maxParameters bounds the parameters of a request's target. Their memory stays with the connection, too: 100
// connections held 638 KB each after 16 KiB of 1-byte parameters. A filter may have 100 topics, and some other
// parameters.
const maxParameters = 128

// tooMany says what a request's header has too many of; "" when nothing. The field Trailer lists the fields that are
// to come behind the body; these are counted by themselves.
func tooMany(h *fasthttp.RequestHeader) string {
	fields, parameters, announced := fieldsOf(h.RawHeaders()), bytes.Count(h.RequestURI(), []byte("&"))+1, 0
	for range h.Trailers() {
		announced++
	}
	switch {
	case fields > maxFields:
		return fmt.Sprintf("the request's header has %d fields; at most %d are allowed", fields, maxFields)
	case announced > maxFields:
		return fmt.Sprintf("the request's header announces %d trailer fields; at most %d are allowed", announced, maxFields)
	case parameters > maxParameters:
		return fmt.Sprintf("the request has %d query parameters; at most %d are allowed", parameters, maxParameters)
	}
	return ""
}

// fieldsOf counts the lines of a header as it was sent.
func fieldsOf(raw []byte) int { return bytes.Count(bytes.TrimRight(raw, "\r\n"), []byte("\n")) + 1 }

// smuggled names what makes the end of a request ambiguous; "" when nothing does. A proxy in front may read it the other
// way, and would then pass on a part of one client's body as another client's request. The lines are read as they were
// sent: fasthttp drops a Content-Length next to chunked, and drops Transfer-Encoding: identity altogether. It refuses
// repeated ones itself.
func smuggled(raw []byte) string {
	length, coding := false, false
	for line := range bytes.Lines(raw) {
		name, value, found := bytes.Cut(line, []byte(":"))
		switch {
		case !found: // the empty line at the end
		case bytes.IndexByte(name, ' ') >= 0, bytes.IndexByte(name, '\t') >= 0:
			return "the name of a header field must not contain a space or a tab"
		case isHeader(name, "Content-Length"):
			length = true
		case isHeader(name, "Transfer-Encoding"):
			if coding = true; !bytes.EqualFold(bytes.TrimSpace(value), []byte("chunked")) {
				return onlyChunked
			}
		}
	}
	if length && coding {
		return "send Content-Length or Transfer-Encoding, not both"
	}
	return ""
}

// isHeader compares without regard to case. The length alone tells nearly all headers apart.
func isHeader(name []byte, header string) bool {
	return len(name) == len(header) && bytes.EqualFold(name, []byte(header))
}

// repeated tells whether a header that must be unique is there twice: fasthttp takes the last one, a proxy in front
// perhaps the first.
func repeated(raw []byte, header string) bool {
	n := 0
	for line := range bytes.Lines(raw) {
		if name, _, _ := bytes.Cut(line, []byte(":")); isHeader(name, header) {
			n++
		}
	}
	return n > 1
}
