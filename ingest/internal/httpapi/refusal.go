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
		s.problem(ctx, problemTooManyEvents, fmt.Sprintf("at most %d events are taken in one request (--max-events); send fewer at a time; nothing was stored", tooMany.Max))
	case errors.As(err, &notStored):
		p, known := notStoredProblems[notStored.Reason]
		if !known {
			p = problemUnavailable
		}
		s.problem(ctx, p, "certainly nothing of this request was stored; send it again")
	case errors.As(err, &unknown):
		s.problem(ctx, problemUnknown, "the events may be stored or not: send the same event_ids again, what was stored is then answered duplicate")
	case errors.As(err, &badData) && badData.By != "":
		s.problem(ctx, problemRefusedByPostgres, fmt.Sprintf("%s, which somebody has added to ingot.events, refuses an event of this request; nothing of the request is stored", badData.By))
	case errors.As(err, &badData): // the decoder let it through: its mistake, to be mended
		s.problem(ctx, problemRefusedByPostgres, "Postgres refuses something in this request; nothing of it is stored")
	case errors.Is(err, errUnread):
		s.problem(ctx, problemUnavailable, "the database did not answer; try again")
	case errors.As(err, &cursor) && cursor.Gone:
		s.writeProblem(ctx, problemCursorGone, appendGone(nil, cursor))
	case errors.As(err, &cursor):
		s.problem(ctx, problemBadCursor, cursor.Detail)
	case errors.Is(err, event.ErrFeedFull):
		s.problem(ctx, problemStreams, fmt.Sprintf("%d streams and long polls are open, and no more are taken (--max-streams); try again later, or at another server", s.Limits.Streams))
	case errors.Is(err, event.ErrSubscriptionsFull):
		s.problem(ctx, problemSubscriptions, fmt.Sprintf("no more than %d subscriptions are kept (--max-subscriptions); DELETE one that nobody needs: GET /subscriptions shows which are left behind", s.Limits.Subscriptions))
	case errors.Is(err, event.ErrFeedClosed):
		s.problem(ctx, problemDraining, "the server is stopping; come back to it, or to another one, with the same position")
	case errors.Is(err, errInflatedTooLarge):
		s.problem(ctx, problemInflatedTooLarge, fmt.Sprintf("at most %d bytes are taken once they are decompressed (--max-decompressed); send fewer events at a time; nothing was stored", s.Limits.Decompressed))
	case errors.Is(err, errBodyTooLarge):
		s.problem(ctx, problemBodyTooLarge, fmt.Sprintf("at most %d bytes are taken in one body (--max-body); send fewer events at a time; nothing was stored", s.Limits.Body))
	case errors.Is(err, errNoRoom):
		s.problem(ctx, problemQueueFull, "too many bytes are being read already; certainly nothing of this request was stored; send it again")
	case errors.Is(err, errBodyTimeout):
		s.problem(ctx, problemTimeout, "the body did not arrive in time; nothing was stored")
	case errors.Is(err, errInflationTimeout):
		s.problem(ctx, problemTimeout, fmt.Sprintf("the body takes longer than %s (--body-timeout) to decompress: send fewer events at a time, or compress it otherwise; nothing was stored", s.Limits.ReadTimeout))
	case errors.Is(err, errTooMany):
		s.problem(ctx, problemHeaderTooLarge, fmt.Sprintf("the request has more than %d fields, those behind its body with them, or cookies; nothing was stored", maxFields))
	case errors.Is(err, errBodyBroken):
		s.problem(ctx, problemBadRequest, "the body broke off; nothing was stored")
	default:
		s.problem(ctx, problemInternal, "the server made a mistake, which is logged under this request id; what was to be published may be stored or not: send the same event_ids again")
	}
}
