package httpapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// events answers a page of stored events.
func (s *Server) events(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.Set("Vary", "Accept") // it may be a page or lines
	q, err := parseQuery(ctx.QueryArgs())
	if err != nil {
		s.problem(ctx, problemBadParameter, err.Error())
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

// pageOf reads a page.
func (s *Server) pageOf(q event.Query) (event.Page, error) {
	bounded, cancel := s.bounded()
	defer cancel()
	return s.Reader.Events(bounded, q)
}

// start finds the place that "now", "beginning" or a cursor stands for.
func (s *Server) start(after string) (event.Position, error) {
	bounded, cancel := s.bounded()
	defer cancel()
	return s.Reader.Start(bounded, after)
}

// bounded is the time that one request has for the database. It does not end when the
// client leaves: fasthttp does not tell.
func (s *Server) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), s.Limits.QueryTimeout)
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
	if err == nil && ctx.QueryArgs().Len() > 0 {
		err = &refusal{problemBadParameter, "one event takes no parameter"}
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

func notText(name string) string {
	return fmt.Sprintf("%s must be UTF-8 of 1 to %d bytes without control characters", name, event.MaxTextBytes)
}

// unreadError says that the database could not be asked.
type unreadError struct{ err error }

func (e *unreadError) Error() string { return "read: " + e.err.Error() }
func (e *unreadError) Unwrap() error { return e.err }

// readError tells what is the client's, or the feed's, from a database that is away.
func readError(err error) error {
	var cursor *event.CursorError
	var refused *refusal
	if errors.As(err, &cursor) || errors.As(err, &refused) || ofFeed(err) {
		return err
	}
	return &unreadError{err}
}

// What may stand where a cursor that cannot be used was sent.
const (
	wantedCursor = "send next_cursor as it was given"
	wantedPlace  = "send now, beginning, or a cursor as it was given"
	wantedLastID = "send the last id as it was given"
)

// cursorError names the parameter, the member or the header that a cursor which cannot be
// used came in. It leaves other errors as they are, and a cursor that is gone.
func cursorError(name, wanted string, err error) error {
	var cursor *event.CursorError
	if errors.As(err, &cursor) && !cursor.Gone {
		return &refusal{problemBadCursor, name + ": " + cursor.Detail + "; " + wanted}
	}
	return err
}

func ofFeed(err error) bool {
	return errors.Is(err, event.ErrFeedFull) || errors.Is(err, event.ErrFeedClosed) || errors.Is(err, event.ErrSubscriptionsFull)
}
