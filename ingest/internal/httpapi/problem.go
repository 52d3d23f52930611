package httpapi

import (
	"fmt"
	"strings"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// problem is a kind of refusal, after RFC 9457. Its type is stable: clients branch on it.
type problem struct {
	status int
	kind   string // the type is "urn:ingot:problem:" + kind
	title  string
	header [2]string // name and value, if there is one more to send
}

func retryAfter(seconds string) [2]string { return [2]string{"Retry-After", seconds} }

var (
	none = [2]string{}

	problemBadRequest        = problem{400, "bad-request", "The request cannot be read", none}
	problemNotJSON           = problem{400, "not-json", "The body cannot be parsed", none}
	problemNotEvents         = problem{400, "not-events", "The body is JSON, but not events", none}
	problemNotDecompressed   = problem{400, "not-decompressed", "The body cannot be decompressed", none}
	problemBadParameter      = problem{400, "bad-parameter", "A parameter is invalid", none}
	problemBadCursor         = problem{400, "bad-cursor", "The cursor is invalid", none}
	problemNoKey             = problem{401, "no-key", "A key is required", none}
	problemNoRight           = problem{403, "no-right", "The key does not have this right", none}
	problemNoTopic           = problem{403, "no-topic", "The key does not have this topic", none}
	problemNotFound          = problem{404, "not-found", "Not found", none}
	problemNoEvent           = problem{404, "event-not-found", "There is no such event", none}
	problemNoSubscription    = problem{404, "subscription-not-found", "There is no such subscription", none}
	problemDiffers           = problem{409, "subscription-differs", "The name belongs to a different subscription", none}
	problemSubscriptions     = problem{409, "too-many-subscriptions", "No room for another subscription", none}
	problemMethod            = problem{405, "method-not-allowed", "The path does not support this method", none}
	problemTimeout           = problem{408, "too-slow", "The request did not arrive in time", none}
	problemCursorGone        = problem{410, "cursor-gone", "The cursor's place in the log is gone", none}
	problemBodyTooLarge      = problem{413, "body-too-large", "The body is too large", none}
	problemInflatedTooLarge  = problem{413, "decompressed-too-large", "The body is too large once it is decompressed", none}
	problemTooManyEvents     = problem{413, "too-many-events", "The body holds too many events", none}
	problemMediaType         = problem{415, "unsupported-media-type", "The body's type is not supported", none}
	problemEncoding          = problem{415, "unsupported-encoding", "The body's encoding is not supported", [2]string{"Accept-Encoding", "gzip, zstd, identity"}}
	problemMisdirected       = problem{421, "misdirected", "The request is for another host name", none}
	problemInvalid           = problem{422, "invalid-events", "No event of the request is valid", none}
	problemRefusedByPostgres = problem{422, "refused-by-postgres", "Postgres rejected the data", none}
	problemOverRate          = problem{429, "over-rate", "The rate limit of the key is used up", retryAfter("1")}
	problemHeaderTooLarge    = problem{431, "header-too-large", "The request's header is too large", none}
	problemInternal          = problem{500, "internal", "Internal server error", none}
	problemQueueFull         = problem{503, "queue-full", "No room for the request", retryAfter("1")}
	problemConnections       = problem{503, "too-many-connections", "No room for another connection", retryAfter("1")}
	problemStreams           = problem{503, "too-many-streams", "No room for another stream", retryAfter("5")}
	problemExports           = problem{503, "too-many-exports", "No room for another export", retryAfter("5")}
	problemReads             = problem{503, "too-many-reads", "No room for another page", retryAfter("1")}
	problemDraining          = problem{503, "draining", "The server is stopping", retryAfter("2")}
	problemExpired           = problem{503, "expired", "Not stored in time", retryAfter("1")}
	problemUnavailable       = problem{503, "database-unavailable", "The database is unavailable", retryAfter("2")}
	problemUnknown           = problem{504, "outcome-unknown", "It is not known whether the events were stored", none}
)

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

// problem answers with a problem document. detail is for the client to read: a plain sentence without SQL or payload.
func (s *Server) problem(ctx *fasthttp.RequestCtx, p problem, detail string) {
	s.writeProblem(ctx, p, append(appendProblem(nil, p, detail), '}'))
}

// appendProblem begins a problem document, and leaves it open.
func appendProblem(b []byte, p problem, detail string) []byte {
	b = appendText(append(b, '{'), "type", "urn:ingot:problem:"+p.kind)
	b = appendText(b, "title", p.title)
	b = appendNumber(b, "status", p.status)
	return appendText(b, "detail", detail)
}

func (s *Server) writeProblem(ctx *fasthttp.RequestCtx, p problem, body []byte) {
	ctx.SetStatusCode(p.status)
	ctx.SetUserValue(kindKey{}, p.kind)
	ctx.Response.Header.SetContentType("application/problem+json")
	if p.status == fasthttp.StatusUnauthorized {
		challenge(ctx)
	}
	if p.header != none {
		ctx.Response.Header.Set(p.header[0], p.header[1])
	}
	ctx.Response.SetBodyRaw(body)
}

// appendGone writes where the feed can be followed from instead.
func appendGone(b []byte, gone *event.CursorError) []byte {
	b = appendProblem(b, problemCursorGone, gone.Detail)
	b = appendText(b, "oldest_cursor", gone.Oldest)
	return append(b, '}')
}

// invalid answers a request of which no event is valid.
func (s *Server) invalid(ctx *fasthttp.RequestCtx, d *event.Decoded) {
	detail := "the event is invalid and was not stored"
	if d.Total > 1 {
		detail = fmt.Sprintf("all %d events are invalid; nothing was stored", d.Total)
	}
	if len(d.Invalid) > event.MaxExplained {
		detail += fmt.Sprintf("; only the errors of the first %d are listed", event.MaxExplained)
	}
	b := appendProblem(nil, problemInvalid, detail)
	b = append(appendName(b, "errors"), '[')
	for _, inv := range d.Invalid {
		for _, e := range inv.Errors {
			b = appendFieldError(appendNumber(append(appendNext(b), '{'), "index", inv.Index), e)
		}
	}
	s.writeProblem(ctx, problemInvalid, append(b, "]}"...))
}
