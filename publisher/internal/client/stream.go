package client

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Delivery is what a stream has brought: an event, or only a place.
type Delivery struct {
	Object []byte // the event; nil: only the place has moved on
	Place  string // behind it
	Last   bool   // nothing more has come yet: the stream waits
}

// errSilent is why a stream is cut when it does not begin, or brings not even heartbeats.
var errSilent = errors.New("the server has stopped sending")

// Stream yields the events behind q.After, in feed order and each once. Where a stream breaks, Stream opens another one with
// the last id that it has. Its last pair may be an error: that of ctx, a final refusal, or that it gave up.
func (f *Follower) Stream(ctx context.Context, q Query) iter.Seq2[Delivery, error] {
	return func(yield func(Delivery, error) bool) {
		at := ""
		for {
			s, no := f.open(ctx, q, at)
			if s != nil {
				f.back()
				began, enough := time.Now(), false
				if no, enough = f.read(s, &at, yield); enough {
					return
				}
				if time.Since(began) > maxWait {
					f.progress()
				}
			}
			if err := f.lost(ctx, no); err != nil {
				yield(Delivery{}, err)
				return
			}
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

// read yields what a stream brings until the stream breaks, which the refusal tells of, or there was enough. at moves with it.
func (f *Follower) read(s *stream, at *string, yield func(Delivery, error) bool) (no refusal, enough bool) {
	defer s.close()
	said := ""
	for {
		b, err := s.block()
		said = cmp.Or(b.comment, said)
		switch {
		case err != nil:
			return s.broken(err, said), false
		case b.kind == "gone":
			return refused(answer{status: http.StatusGone, body: b.data}), false
		case b.kind != "":
			b.data = nil // of a kind that nobody here knows
		case b.data != nil:
			f.progress()
		}
		*at = cmp.Or(b.id, *at)
		if !yield(Delivery{b.data, *at, !s.ready()}, nil) {
			return refusal{}, true
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
