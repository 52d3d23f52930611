package httpapi

import (
	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

func (s *Server) events(ctx *fasthttp.RequestCtx) error {
	ctx.Response.Header.Set("Vary", "Accept") // it may be a page or lines
	q, err := parseQuery(ctx.URI())
	if err == nil {
		err = connOf(ctx).mayRead(q.Topics)
	}
	if err != nil {
		return err
	}
	if wantsLines(ctx) {
		return s.export(ctx, q)
	}
	q.MaxBytes = s.Limits.Page
	page, err := s.pageOf(q)
	if err != nil {
		return readError(cursorError("cursor", wantedCursor, err))
	}
	return s.respondRead(ctx, appendPage(nil, page))
}

// event answers one event by its key. A topic or an id may hold anything that is text: a slash in it is sent as %2F.
func (s *Server) event(ctx *fasthttp.RequestCtx) error {
	topic, err := keyPart(ctx, 2, "topic")
	if err != nil {
		return err
	}
	id, err := keyPart(ctx, 3, "event_id")
	if err == nil {
		err = noParameter(ctx.URI())
	}
	if err == nil {
		err = connOf(ctx).mayRead([]string{topic})
	}
	if err != nil {
		return err
	}
	bounded, cancel := s.bounded()
	defer cancel()
	e, there, err := s.Reader.Event(bounded, topic, id)
	switch {
	case err != nil:
		return readError(err)
	case !there:
		return &refusal{problemNoEvent, "no event with this topic and event_id is stored"}
	}
	return s.respondRead(ctx, appendEvent(nil, &e))
}

func keyPart(ctx *fasthttp.RequestCtx, part int, name string) (string, error) {
	text, err := pathValue(ctx, part, name)
	if err == nil && !event.ValidText(text) {
		err = &refusal{problemBadParameter, notText(name)}
	}
	return text, err
}
