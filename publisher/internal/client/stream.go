package client

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Sink takes what a stream brings.
type Sink interface {
	// Event takes an event object, which is good until Event returns, and the place behind it. more is false when the
	// event was the last one that is wanted. An error ends the stream, and the event counts as not taken.
	Event(object []byte, place string) (more bool, err error)
	// Idle is called when the sink has taken all that has come, before the stream waits for more.
	Idle() error
}

// errSilent is why a stream is cut when it does not begin, or brings not even heartbeats.
var errSilent = errors.New("the server says nothing any more")

// Stream hands the events behind q.After to sink, in feed order and each once. Where a stream breaks, Stream opens
// another one with the last id that it has. It returns the place behind the last event that was taken, also with an
// error: that of sink, that of ctx, a final refusal, or that it gave up.
func (f *Follower) Stream(ctx context.Context, q Query, sink Sink) (at string, err error) {
	for {
		s, no := f.open(ctx, q, at)
		if s != nil {
			f.back()
			began := time.Now()
			var more bool
			no, more, err = s.read(&at, sink, f.progress)
			s.close()
			if err != nil || !more {
				return at, err
			}
			if time.Since(began) > maxWait {
				f.progress()
			}
		}
		if err := f.lost(ctx, no); err != nil {
			return at, err
		}
	}
}

// stream is one that is open.
type stream struct {
	lines    *bufio.Reader
	body     io.Closer
	cancel   context.CancelCauseFunc
	ctx      context.Context
	watchdog *time.Timer // cancels ctx; it runs while the stream waits for something
	silence  time.Duration
}

// open returns a stream, or why there is none.
func (f *Follower) open(ctx context.Context, q Query, at string) (*stream, refusal) {
	ctx, cancel := context.WithCancelCause(ctx)
	watchdog := time.AfterFunc(f.c.cfg.Timeout, func() { cancel(errSilent) })
	resp, err := f.c.stream(ctx, q, at)
	watchdog.Stop()
	if err != nil {
		cause := context.Cause(ctx)
		cancel(nil)
		if cause != nil {
			err = cause
		}
		return nil, unanswered(err)
	}
	s := &stream{lines: bufio.NewReaderSize(resp.Body, 64<<10), body: resp.Body, ctx: ctx, cancel: cancel, watchdog: watchdog, silence: f.Silence}
	kind := resp.Header.Get("Content-Type")
	if resp.StatusCode == http.StatusOK && strings.HasPrefix(kind, "text/event-stream") {
		return s, refusal{}
	}
	defer s.close()
	if resp.StatusCode == http.StatusOK {
		return nil, refusal{err: &Refused{Status: http.StatusOK, Err: fmt.Errorf("the answer is %q, not a stream of events", kind)}} // by something that is no Ingot
	}
	watchdog.Reset(f.c.cfg.Timeout)
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // the status says enough
	return nil, refused(answer{status: resp.StatusCode, header: resp.Header, body: said})
}

func (c *Client) stream(ctx context.Context, q Query, at string) (*http.Response, error) {
	v := url.Values{"after": {q.After}}
	if len(q.Topics) > 0 {
		v["topic"] = q.Topics
	}
	if q.Source != "" {
		v.Set("source", q.Source)
	}
	req, err := c.request(ctx, http.MethodGet, "/events/stream?"+v.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if at != "" {
		req.Header.Set("Last-Event-ID", at)
	}
	return c.http.Do(req)
}

func (s *stream) close() {
	s.watchdog.Stop()
	s.cancel(nil)
	_ = s.body.Close() // it was only read
}

// read hands the events on to sink until the stream breaks, which the refusal tells of, or nothing more is wanted. at
// moves to the id of a block once the block was taken.
func (s *stream) read(at *string, sink Sink, progress func()) (no refusal, more bool, err error) {
	said := ""
	for {
		if !s.ready() {
			if err := sink.Idle(); err != nil {
				return no, false, err
			}
		}
		b, err := s.block()
		if b.comment != "" {
			said = b.comment
		}
		switch {
		case err != nil:
			return s.broken(err, said), true, nil
		case b.kind == "gone":
			return refused(answer{status: http.StatusGone, body: b.data}), true, nil
		case b.kind == "" && b.data != nil:
			progress()
			if more, err = sink.Event(b.data, cmp.Or(b.id, *at)); err != nil {
				return no, false, err
			}
		default:
			more = true
		}
		if b.id != "" {
			*at = b.id
		}
		if !more {
			return no, false, nil
		}
	}
}

// broken tells why a stream has ended. Unless the client has cut the stream, the last comment of the server says it
// best.
func (s *stream) broken(err error, said string) refusal {
	switch cause := context.Cause(s.ctx); {
	case cause != nil:
		err = cause
	case said != "":
		err = errors.New(said)
	case errors.Is(err, io.EOF):
		err = errors.New("the server ended the stream")
	}
	return refusal{cause: "cut", again: true, err: fmt.Errorf("follow the stream: %w", err)}
}
