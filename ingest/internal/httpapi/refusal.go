package httpapi

import (
	"errors"
	"fmt"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// refusal is an error that knows its answer already.
type refusal struct {
	problem problem
	detail  string
}

func (r *refusal) Error() string { return r.detail }

// notStoredProblems turns the reasons of a NotStoredError into problems.
var notStoredProblems = map[event.Reason]problem{
	event.ReasonQueueFull:   problemQueueFull,
	event.ReasonDraining:    problemDraining,
	event.ReasonExpired:     problemExpired,
	event.ReasonUnavailable: problemUnavailable,
}

// problemOf is the one table from errors to answers.
func (s *Server) problemOf(ctx *fasthttp.RequestCtx, err error) {
	ctx.SetUserValue(causeKey{}, err)
	var refused *refusal
	var syntax *event.SyntaxError
	var shape *event.ShapeError
	var tooMany *event.TooManyError
	var notStored *event.NotStoredError
	var unknown *event.UnknownError
	var cursor *event.CursorError
	var badData *event.BadDataError
	switch {
	case errors.As(err, &refused):
		s.problem(ctx, refused.problem, refused.detail)
	case errors.As(err, &syntax):
		s.problem(ctx, problemNotJSON, "nothing was stored: "+syntax.Error())
	case errors.As(err, &shape):
		s.problem(ctx, problemNotEvents, "nothing was stored: "+shape.Detail)
	case errors.As(err, &tooMany):
		s.problem(ctx, problemTooManyEvents, fmt.Sprintf("at most %d events are allowed in one request (--max-events); send fewer at a time; nothing was stored", tooMany.Max))
	case errors.As(err, &notStored):
		p, known := notStoredProblems[notStored.Reason]
		if !known {
			p = problemUnavailable
		}
		s.problem(ctx, p, "certainly nothing of this request was stored; send it again")
	case errors.As(err, &unknown):
		s.problem(ctx, problemUnknown, "the events may or may not be stored: send them again with the same event_ids; those already stored are answered as duplicates")
	case errors.As(err, &badData) && badData.By != "":
		s.problem(ctx, problemRefusedByPostgres, fmt.Sprintf("%s, which was added to ingot.events, rejects an event of this request; nothing of the request was stored", badData.By))
	case errors.As(err, &badData): // the decoder let it through: its mistake, to be mended
		s.problem(ctx, problemRefusedByPostgres, "Postgres rejected something in this request; nothing of it was stored")
	case errors.Is(err, errUnread):
		s.problem(ctx, problemUnavailable, "the database did not answer; try again")
	case errors.As(err, &cursor) && cursor.Gone:
		s.writeProblem(ctx, problemCursorGone, appendGone(nil, cursor))
	case errors.As(err, &cursor):
		s.problem(ctx, problemBadCursor, cursor.Detail)
	case errors.Is(err, event.ErrFeedFull):
		s.problem(ctx, problemStreams, fmt.Sprintf("%d streams and long polls are open, which is the maximum (--max-streams); try again later, or use another server", s.Limits.Streams))
	case errors.Is(err, event.ErrSubscriptionsFull):
		s.problem(ctx, problemSubscriptions, fmt.Sprintf("at most %d subscriptions are allowed (--max-subscriptions); DELETE one that nobody needs: GET /subscriptions shows which lag behind", s.Limits.Subscriptions))
	case errors.Is(err, event.ErrFeedClosed):
		s.problem(ctx, problemDraining, "the server is stopping; reconnect to it, or to another one, at the same position")
	case errors.Is(err, errInflatedTooLarge):
		s.problem(ctx, problemInflatedTooLarge, fmt.Sprintf("at most %d bytes are allowed after decompression (--max-decompressed); send fewer events at a time; nothing was stored", s.Limits.Decompressed))
	case errors.Is(err, errBodyTooLarge):
		s.problem(ctx, problemBodyTooLarge, fmt.Sprintf("at most %d bytes are allowed in one body (--max-body); send fewer events at a time; nothing was stored", s.Limits.Body))
	case errors.Is(err, errNoRoom):
		s.problem(ctx, problemQueueFull, "the server is busy with the bodies of other requests (--max-bodies-in-flight); certainly nothing of this request was stored; send it again")
	case errors.Is(err, errBodyTimeout):
		s.problem(ctx, problemTimeout, "the body did not arrive in time; nothing was stored")
	case errors.Is(err, errInflationTimeout):
		s.problem(ctx, problemTimeout, fmt.Sprintf("the body takes longer than %s (--body-timeout) to decompress; send fewer events at a time, or use another compression; nothing was stored", s.Limits.ReadTimeout))
	case errors.Is(err, errTooMany):
		s.problem(ctx, problemHeaderTooLarge, fmt.Sprintf("the request has more than %d header and trailer fields, or cookies; nothing was stored", maxFields))
	case errors.Is(err, errBodyBroken):
		s.problem(ctx, problemBadRequest, "the connection ended before the body was complete; nothing was stored")
	default:
		s.problem(ctx, problemInternal, "internal error, logged under this request id; if this was a publish, its events may or may not be stored: send them again with the same event_ids")
	}
}
