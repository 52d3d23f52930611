package httpapi

import (
	"context"
	"errors"
	"fmt"

	"ingot/internal/event"
)

// bounded returns a context that ends with the time that one request has for the database. It does not end when
// the client leaves: fasthttp does not tell.
func (s *Server) bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), s.Limits.QueryTimeout)
}

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

// errUnread is what an error means if the database could not be asked.
var errUnread = errors.New("read")

// readError leaves an error as it is if it has an answer of its own, since the client or the feed is its cause. Any other
// means that the database could not be asked.
func readError(err error) error {
	_, cursor := errors.AsType[*event.CursorError](err)
	_, refused := errors.AsType[*refusal](err)
	feed := errors.Is(err, event.ErrFeedFull) || errors.Is(err, event.ErrFeedClosed) || errors.Is(err, event.ErrSubscriptionsFull)
	if cursor || refused || feed {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w; a request has a time for the database (--query-timeout)", errUnread, err)
	}
	return fmt.Errorf("%w: %w", errUnread, err)
}

// What to send in place of a cursor that cannot be used.
const (
	wantedCursor = "send next_cursor unchanged"
	wantedPlace  = "send now, beginning, or a cursor unchanged"
	wantedLastID = "send the last id unchanged"
)

// cursorError turns the error of a cursor that cannot be used into a refusal that names where the cursor came
// from: a parameter, a member or a header. It leaves other errors as they are, also that of a cursor that is gone.
func cursorError(name, wanted string, err error) error {
	if cursor, ok := errors.AsType[*event.CursorError](err); ok && !cursor.Gone {
		return &refusal{problemBadCursor, name + ": " + cursor.Detail + "; " + wanted}
	}
	return err
}

// listing waits for the request's turn to make a list that may be long. Only one such list is made at a time, because
// it takes some three times its size until it has become JSON. done ends the turn.
func (s *Server) listing(ctx context.Context) (done func(), err error) {
	select {
	case s.lists <- struct{}{}:
		return func() { <-s.lists }, nil
	case <-ctx.Done():
		return nil, readError(fmt.Errorf("wait for another list: %w", ctx.Err()))
	}
}
