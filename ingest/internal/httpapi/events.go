package httpapi

import (
	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// events answers a page of stored events.
func (s *Server) events(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.Set("Vary", "Accept") // it may be a page or lines
	q, err := parseQuery(ctx.URI())
	if err != nil {
		s.problemOf(ctx, err)
		return
	}
	if wantsLines(ctx) {
		s.export(ctx, q)
		return
	}
	q.MaxBytes = s.Limits.Page
	page, err := s.pageOf(q)
	if err != nil {
		s.problemOf(ctx, readError(cursorError("cursor", wantedCursor, err)))
		return
	}
	s.respondRead(ctx, appendPage(nil, page))
}

// event answers one event by its key. A topic or an id may hold anything that is
// text: a slash in it is sent as %2F.
func (s *Server) event(ctx *fasthttp.RequestCtx) {
	topic, err := keyPart(ctx, "topic")
	if err != nil {
		s.problemOf(ctx, err)
		return
	}
	id, err := keyPart(ctx, "event_id")
	if err == nil {
		err = noParameter(ctx.URI())
	}
	if err != nil {
		s.problemOf(ctx, err)
		return
	}
	bounded, cancel := s.bounded()
	defer cancel()
	e, there, err := s.Reader.Event(bounded, topic, id)
	switch {
	case err != nil:
		s.problemOf(ctx, &unreadError{err})
	case !there:
		s.problem(ctx, problemNoEvent, "no event with this topic and event_id is stored")
	default:
		s.respondRead(ctx, appendEvent(nil, &e))
	}
}

func keyPart(ctx *fasthttp.RequestCtx, name string) (string, error) {
	text, err := pathValue(ctx, name)
	if err == nil && !event.ValidText(text) {
		err = &refusal{problemBadParameter, notText(name)}
	}
	return text, err
}
