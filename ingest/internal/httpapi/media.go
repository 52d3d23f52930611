package httpapi

import (
	"mime"
	"strings"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// bodyFormat tells how a body is framed, or why it cannot be taken.
func bodyFormat(h *fasthttp.RequestHeader) (format event.Format, refusal string) {
	if encoding := strings.ToLower(string(h.Peek("Content-Encoding"))); encoding != "" && encoding != "identity" {
		return 0, "Content-Encoding " + shown(encoding) + " is not taken; send the body uncompressed"
	}
	given := string(h.ContentType())
	media, params, err := mime.ParseMediaType(given)
	if charset := params["charset"]; err == nil && charset != "" && !strings.EqualFold(charset, "utf-8") {
		return 0, "the charset " + shown(charset) + " is not taken; send UTF-8"
	}
	switch media {
	case "application/json":
		return event.JSON, ""
	case "application/x-ndjson", "application/ndjson":
		return event.NDJSON, ""
	case "":
		return 0, "Content-Type is missing; send application/json, or application/x-ndjson for one event a line"
	}
	return 0, "Content-Type " + shown(media) + " is not taken; send application/json, or application/x-ndjson for one event a line"
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
