package httpapi

import (
	"errors"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"ingot/internal/event"
)

// publish brings one request from its body to its answer.
func (s *Server) publish(ctx *fasthttp.RequestCtx) {
	receivedAt := time.Now().UTC().Truncate(time.Microsecond)
	if s.draining.Load() {
		s.refuse(ctx, &event.NotStoredError{Reason: event.ReasonDraining})
		return
	}
	show, ok := resultsWanted(ctx)
	if !ok {
		s.problem(ctx, problemBadParameter, `results must be "all" or "none", or left out to list what is not stored`)
		s.abandon(ctx)
		return
	}
	format, refusal := bodyFormat(&ctx.Request.Header)
	if refusal != "" {
		s.problem(ctx, problemMediaType, refusal)
		s.abandon(ctx)
		return
	}
	body, cost, err := s.readBody(ctx)
	defer s.budget.give(cost)
	if err != nil {
		s.refuse(ctx, err)
		return
	}
	decoded, err := event.Decode(body, format, s.Limits.Events)
	if err != nil {
		s.problemOf(ctx, err)
		return
	}
	s.rejected.Add(int64(len(decoded.Invalid)))
	if decoded.Total > 0 && len(decoded.Events) == 0 {
		s.invalid(ctx, &decoded)
		return
	}
	s.store(ctx, event.Group{Events: decoded.Events, ReceivedAt: receivedAt}, cost, &decoded, show)
}

// store waits for the fate of the valid events and answers.
func (s *Server) store(ctx *fasthttp.RequestCtx, group event.Group, bytes int64, decoded *event.Decoded, show resultsShown) {
	stored, err := s.Publisher.Submit(group, bytes)
	var badData *event.BadDataError
	switch {
	case errors.As(err, &badData):
		// The decoder let through what Postgres refuses: its mistake, to be mended.
		s.Log.Error("Postgres refused events that the decoder accepted", zap.Error(err))
		s.problem(ctx, problemRefusedByPostgres, "Postgres refuses something in this request; nothing of it is stored")
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

// refuse answers a request whose body was not read to its end.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, err error) {
	s.problemOf(ctx, err)
	s.abandon(ctx)
}

func (s *Server) respond(ctx *fasthttp.RequestCtx, status int, body []byte) {
	ctx.SetStatusCode(status)
	ctx.Response.Header.SetContentType("application/json")
	ctx.Response.SetBodyRaw(body)
}
