package httpapi

import (
	"bytes"
	"mime"
	"strings"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// bodyFormat tells how a body is framed, or why it cannot be taken.
func bodyFormat(h *fasthttp.RequestHeader) (event.Format, error) {
	for _, encoding := range h.PeekAll("Content-Encoding") {
		if len(encoding) > 0 && !strings.EqualFold(string(encoding), "identity") {
			return 0, notTaken("Content-Encoding " + shown(string(encoding)) + " is not taken; send the body uncompressed")
		}
	}
	if repeated(h.RawHeaders(), "Content-Type") {
		return 0, notTaken("Content-Type is there more than once")
	}
	return mediaType(string(h.ContentType()))
}

func mediaType(given string) (event.Format, error) {
	const wanted = "; send application/json, or application/x-ndjson for one event a line"
	if given == "" {
		return 0, notTaken("Content-Type is missing" + wanted)
	}
	media, params, err := mime.ParseMediaType(given)
	if err != nil {
		return 0, notTaken("Content-Type " + shown(given) + " does not parse" + wanted)
	}
	if charset, there := params["charset"]; there && !strings.EqualFold(charset, "utf-8") {
		return 0, notTaken("the charset " + shown(charset) + " is not taken; send UTF-8")
	}
	switch media {
	case "application/json":
		return event.JSON, nil
	case "application/x-ndjson", "application/ndjson":
		return event.NDJSON, nil
	}
	return 0, notTaken("Content-Type " + shown(media) + " is not taken" + wanted)
}

func notTaken(detail string) error { return &refusal{problemMediaType, detail} }

// repeated tells whether a header that must stand alone is there twice: fasthttp
// takes the last one, a proxy in front perhaps the first.
func repeated(raw []byte, header string) bool {
	n := 0
	for name := range headerLines(raw) {
		if bytes.EqualFold(name, []byte(header)) {
			n++
		}
	}
	return n > 1
}

// shown is a piece of the client's header, fit for a sentence.
func shown(s string) string {
	const most = 60
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '?'
		}
		return r
	}, s)
	if len(clean) > most {
		clean = clean[:most] + "..."
	}
	return `"` + clean + `"`
}
