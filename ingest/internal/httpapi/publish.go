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
func (s *Server) publish(ctx *fasthttp.RequestCtx) error {
	receivedAt := ctx.Time().UTC().Truncate(time.Microsecond) // when its header had come
	admitted, err := s.admit(ctx)
	if err != nil {
		return err
	}
	w := s.takeWork()
	defer s.returnWork(w)
	body, room, err := s.readBody(ctx, admitted.coding, s.Limits.Body, &w.held)
	if err != nil {
		return err
	}
	decoded, err := event.DecodeInto(room, body, admitted.format, s.Limits.Events)
	if len(decoded.Events) == 0 {
		if still := stillCompressed(body, admitted.coding); still != nil {
			err = still
		}
	}
	if err == nil {
		err = s.charge(ctx, decoded.Total)
	}
	if err != nil {
		return err
	}
	decoded.Confine(connOf(ctx).topics)
	if len(decoded.Invalid) > 0 {
		s.rejected.Add(int64(len(decoded.Invalid)))
		noteInvalid(ctx, &decoded)
	}
	if decoded.Total > 0 && len(decoded.Events) == 0 {
		s.invalid(ctx, &decoded)
		return nil
	}
	bytes := w.held.held // of the body, which its events hold on to; without the room for the answer
	if decoded.Total > event.MaxExplained && !w.held.take(int64(decoded.Total)*answerBytes) {
		return errNoRoom
	}
	stored, err := s.Publisher.Submit(event.Group{Events: decoded.Events, ReceivedAt: receivedAt}, bytes)
	if err != nil {
		return err
	}
	s.tell(ctx, w, &decoded, stored, admitted.show)
	return nil
}

// work is what a request to publish needs besides its body. It comes from a pool.
type work struct {
	held   account
	answer []byte
}

// answerKept is the size up to which the buffer of an answer is used again; a guess
// that keeps the pool small and serves all but lists of a thousand duplicates.
const answerKept = 64 << 10

// answerBytes is how much an event takes in an answer, besides its id, which is as long in the body and counted there.
// The room is taken before anything is stored, because an answer may be ten times as large as its body.
const answerBytes = 64

func (s *Server) takeWork() *work {
	if w, ok := s.works.Get().(*work); ok {
		return w
	}
	return &work{held: account{budget: &s.budget}}
}

// returnWork also gives back what the request holds of the budget, on any way out.
func (s *Server) returnWork(w *work) {
	w.held.close()
	if cap(w.answer) <= answerKept {
		s.works.Put(w)
	}
}

// admit reads what the header says, and refuses what can be refused before the body is read.
func (s *Server) admit(ctx *fasthttp.RequestCtx) (a admission, err error) {
	if s.draining.Load() {
		return a, &event.NotStoredError{Reason: event.ReasonDraining}
	}
	if err = s.charge(ctx, 0); err != nil {
		return a, err
	}
	if a.show, err = resultsWanted(ctx.URI()); err != nil {
		return a, err
	}
	if a.coding, err = contentCoding(ctx.Request.Header.PeekAll("Content-Encoding")); err != nil {
		return a, err
	}
	if a.format, err = bodyFormat(&ctx.Request.Header); err != nil {
		return a, err
	}
	if length := ctx.Request.Header.ContentLength(); length > s.Limits.Body {
		return a, &refusal{problemBodyTooLarge, fmt.Sprintf("the body is %d bytes long; at most %d are allowed (--max-body); send fewer events at a time; nothing was stored", length, s.Limits.Body)}
	}
	return a, nil
}

// tell answers with what became of each event.
func (s *Server) tell(ctx *fasthttp.RequestCtx, w *work, decoded *event.Decoded, stored []bool, show resultsShown) {
	status := fasthttp.StatusOK
	if len(decoded.Invalid) > 0 {
		status = fasthttp.StatusMultiStatus
	}
	if decoded.Single {
		w.answer = appendSingle(w.answer[:0], &decoded.Events[0], stored[0])
	} else {
		w.answer = appendResults(w.answer[:0], decoded, stored, show)
	}
	respond(ctx, status, w.answer)
	if len(w.answer) <= answerKept {
		ctx.Response.SetBody(w.answer) // a copy instead: the buffer is used again
		return
	}
	held := &account{budget: &s.budget} // until the client has taken the answer
	held.force(int64(len(w.answer)))
	connOf(ctx).afterAnswer(held.close)
}
