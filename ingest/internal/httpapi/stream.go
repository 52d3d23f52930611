package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// Feed brings committed events as they come.
type Feed interface {
	// Subscribe follows the feed from a place on, with the topics and the source of the
	// query. It fails with event.ErrFeedFull and event.ErrFeedClosed.
	Subscribe(q event.Query, from event.Position) (Subscriber, error)
}

// Subscriber follows the feed for one stream or long poll. It belongs to one goroutine.
type Subscriber interface {
	// Next waits for events until wait is over or ctx ends, and then for the query that is under way, if any. It
	// returns the place up to which everything is seen now. It fails with *event.CursorError, event.ErrCutOff and
	// event.ErrFeedClosed.
	Next(ctx context.Context, wait time.Duration) ([]*event.Stored, event.Position, error)
	// Close ends it, and gives its place among Limits.Streams to another; it may be called again.
	Close()
}

// follow answers GET /events/stream with server-sent events. A client that comes back
// says by Last-Event-ID where it was, with the URL it began with.
func (s *Server) follow(ctx *fasthttp.RequestCtx) error {
	q, after, err := streamQuery(ctx.URI())
	if err == nil {
		err = connOf(ctx).mayRead(q.Topics)
	}
	if err != nil {
		return err
	}
	name, wanted := "after", wantedPlace
	if last := ctx.Request.Header.Peek("Last-Event-ID"); len(last) > 0 {
		name, wanted, after = "Last-Event-ID", wantedLastID, string(last)
	}
	at, err := s.startStream(after)
	if err != nil {
		return cursorError(name, wanted, err)
	}
	if ctx.IsHead() {
		streamedHeader(ctx, eventStream)
		return nil
	}
	subscriber, err := s.Feed.Subscribe(q, at)
	if err != nil {
		return err
	}
	streamedHeader(ctx, eventStream)
	return s.stream(ctx, q.Topics, func(alive context.Context, w *streamed) bool { return s.sendEvents(alive, w, subscriber, at) }, subscriber.Close)
}

const eventStream = "text/event-stream"

// startStream finds the place where a stream begins. A stream that starts from a cursor begins even while the database
// is away, because an EventSource gives up for good after any answer but 200, and the feed waits for the database. If
// the cursor turns out to be gone, the stream ends by saying so.
func (s *Server) startStream(after string) (event.Position, error) {
	at, err := s.start(after)
	if err == nil {
		return at, nil
	}
	err = readError(err)
	if place, invalid := event.ParsePosition(after); invalid == nil && errors.Is(err, errUnread) {
		return place, nil
	}
	return at, err
}

func streamQuery(uri *fasthttp.URI) (q event.Query, after string, err error) {
	after = "now"
	err = eachParameter(uri, func(name, text string) error {
		switch name {
		case "after":
			if after = text; text == "" {
				return errors.New("after is empty; " + wantedPlace)
			}
			return nil
		case "topic", "source":
			return setParameter(&q, name, text)
		}
		return fmt.Errorf("%s is not a parameter; the parameters are topic, source and after", shown(name))
	})
	return q, after, err
}

// sendEvents writes events as they come until the client leaves, the server drains,
// or the feed ends. It returns whether the end was a clean one.
func (s *Server) sendEvents(ctx context.Context, w *streamed, subscriber Subscriber, at event.Position) bool {
	// The place comes first, so that a client that loses the connection before the first event can resume.
	opening := append(w.out, "retry: 1000\n"...)
	if w.put(appendPlace(opening, at)) != nil || w.flush() != nil {
		return false
	}
	for {
		events, at, err := subscriber.Next(ctx, s.Limits.Heartbeat)
		switch {
		case err != nil:
			return w.put(appendEnd(w.out, err)) == nil
		case ctx.Err() != nil && len(events) == 0:
			return true
		case len(events) == 0:
			err = w.put(appendPlace(w.out, at))
		}
		for _, e := range events {
			if err == nil {
				err = w.put(appendStreamed(w.out, e))
			}
		}
		if err != nil || w.flush() != nil {
			return false
		}
	}
}

// appendPlace appends a block without data, which moves the place to resume from and dispatches no event.
func appendPlace(b []byte, at event.Position) []byte {
	b = append(b, "id: "...)
	b = append(b, at.Cursor()...)
	return append(b, "\n\n"...)
}

func appendStreamed(b []byte, e *event.Stored) []byte {
	b = append(b, "id: "...)
	b = append(b, e.Cursor()...)
	b = append(b, "\ndata: "...)
	start := len(b)
	b = appendEvent(b, e)
	if lines := b[start:]; bytes.ContainsAny(lines, "\r\n") { // only white space in the payload can be these
		b = append(b[:start], dataLines(slices.Clone(lines))...)
	}
	return append(b, "\n\n"...)
}

// dataLines makes a data line of each line; the client joins them by a line feed.
func dataLines(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	return bytes.ReplaceAll(text, []byte("\n"), []byte("\ndata: "))
}

// appendEnd says why a stream ends. A place that is gone is sent as an event, because an
// EventSource hides the 410 that its next request would be answered with.
func appendEnd(b []byte, err error) []byte {
	gone, ok := errors.AsType[*event.CursorError](err)
	switch {
	case ok:
		b = append(b, "event: gone\ndata: "...)
		b = append(b, appendGone(nil, gone)...)
		return append(b, "\n\n"...)
	case errors.Is(err, event.ErrCutOff):
		return append(b, ": cut off because the client did not read; reconnect with the last id\n\n"...)
	}
	return append(b, ": the server is stopping\n\n"...)
}
