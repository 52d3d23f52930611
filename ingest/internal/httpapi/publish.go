package httpapi

import (
	"fmt"
	"time"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// admission is what the header of a request to publish says.
type admission struct {
	show   resultsShown
	format event.Format
	coding coding
}

// publish brings one request from its body to its answer.
func (s *Server) publish(ctx *fasthttp.RequestCtx) {
	receivedAt := time.Now().UTC().Truncate(time.Microsecond)
	admitted, err := s.admit(ctx)
	if err != nil {
		s.problemOf(ctx, err)
		return
	}
	held := account{budget: &s.budget}
	defer held.close()
	body, err := s.readBody(ctx, admitted.coding, &held)
	if err != nil {
		s.problemOf(ctx, err)
		return
	}
	decoded, err := event.Decode(body, admitted.format, s.Limits.Events)
	if err != nil {
		s.problemOf(ctx, err)
		return
	}
	s.rejected.Add(int64(len(decoded.Invalid)))
	if decoded.Total > 0 && len(decoded.Events) == 0 {
		s.invalid(ctx, &decoded)
		return
	}
	s.store(ctx, event.Group{Events: decoded.Events, ReceivedAt: receivedAt}, held.held, &decoded, admitted.show)
}

// admit says what can be said before the body is read.
func (s *Server) admit(ctx *fasthttp.RequestCtx) (a admission, err error) {
	if s.draining.Load() {
		return a, &event.NotStoredError{Reason: event.ReasonDraining}
	}
	if a.show, err = resultsWanted(ctx.QueryArgs()); err != nil {
		return a, err
	}
	if a.coding, err = contentCoding(ctx.Request.Header.PeekAll("Content-Encoding")); err != nil {
		return a, err
	}
	if a.format, err = bodyFormat(&ctx.Request.Header); err != nil {
		return a, err
	}
	if length := ctx.Request.Header.ContentLength(); length > s.Limits.Body {
		return a, &refusal{problemBodyTooLarge, fmt.Sprintf("the body is %d bytes long, at most %d are taken; nothing was stored", length, s.Limits.Body)}
	}
	return a, nil
}

// store waits for the fate of the valid events and answers.
func (s *Server) store(ctx *fasthttp.RequestCtx, group event.Group, bytes int64, decoded *event.Decoded, show resultsShown) {
	stored, err := s.Publisher.Submit(group, bytes)
	switch {
	case err != nil:
		s.problemOf(ctx, err)
	case decoded.Single:
		s.respond(ctx, fasthttp.StatusOK, appendSingle(nil, &group.Events[0], stored[0]))
	default:
		status := fasthttp.StatusOK
		if len(decoded.Invalid) > 0 {
			status = fasthttp.StatusMultiStatus
		}
		s.respond(ctx, status, appendResults(nil, decoded, stored, show))
	}
}

func (s *Server) respond(ctx *fasthttp.RequestCtx, status int, body []byte) {
	ctx.SetStatusCode(status)
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.SetBodyRaw(body)
}
