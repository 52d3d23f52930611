package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"
)

// reopen is the try whose backoff a stream begins with: within firstWait<<reopen,
// 0.8 s, so that all the followers of a server that was restarted do not come back at
// once. Its retry: asks browsers for 1 s.
const reopen = 4

// Follower brings the feed as it comes and outlasts outages. It belongs to one
// goroutine.
type Follower struct {
	c *Client

	// Lost is called once an outage, with its first error; Back when it is over, with
	// its length.
	Lost func(error)
	Back func(time.Duration)
	// Silence is after how long without a byte a stream is taken to be dead: longer
	// than the server's heartbeat.
	Silence time.Duration

	since time.Time // of the outage; zero: there is none
	tries int       // in a row without an event
}

// Follower returns one that tells nobody yet; the fields are set before it is used.
func (c *Client) Follower() *Follower {
	return &Follower{c: c, Lost: func(error) {}, Back: func(time.Duration) {}, Silence: time.Minute}
}

// lost waits before the next try. Its error says that there is none: a *Refused, the
// end of ctx, or that the patience is at its end.
func (f *Follower) lost(ctx context.Context, no refusal) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !no.again:
		return no.err
	case f.since.IsZero():
		f.since = time.Now()
		f.Lost(no.err)
	}
	n := reopen + f.tries
	f.tries++
	switch more := no.pause(ctx, n, f.since.Add(f.c.cfg.GiveUpAfter)); {
	case more:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fmt.Errorf("gave up after %v: %w", time.Since(f.since).Round(10*time.Millisecond), no.err)
}

// back ends the outage. That an answer has come is no progress: a server that breaks
// off whatever it begins is asked ever more seldom.
func (f *Follower) back() {
	if !f.since.IsZero() {
		f.Back(time.Since(f.since))
		f.since = time.Time{}
	}
}

func (f *Follower) progress() { f.tries = 0 }

// ask sends a request until it is answered by 2xx; its error is that of lost.
func (f *Follower) ask(ctx context.Context, timeout time.Duration, method, path string, body []byte) ([]byte, error) {
	for {
		var sent io.Reader
		if body != nil {
			sent = bytes.NewReader(body)
		}
		a := f.c.doWithin(ctx, timeout, method, path, sent)
		if a.err == nil && a.status/100 == 2 {
			f.back()
			f.progress()
			return a.body, nil
		}
		if err := f.lost(ctx, followable(a)); err != nil {
			return nil, err
		}
	}
}

// followable is refused with the final answer, if it is one, as a *Refused.
func followable(a answer) refusal {
	no := refused(a)
	if !no.again && a.err == nil {
		no.err = finally(a)
	}
	return no
}
