package client

import (
	"context"
	"fmt"
	"time"
)

// reopen is the number of the retry whose backoff a Follower begins with: up to firstWait<<reopen, 0.8 s, so that the
// followers of a server that was restarted do not all come back at once. The server's own "retry:" asks browsers for
// 1 s.
const reopen = 4

// Query says which events a stream or a subscription brings, and from where on.
type Query struct {
	After  string   `json:"after"`            // "now", "beginning" or a cursor
	Topics []string `json:"topics,omitempty"` // none: all
	Source string   `json:"source,omitempty"` // "": any
}

// Follower brings the feed as it comes and outlasts outages. It belongs to one
// goroutine.
type Follower struct {
	c *Client

	// Lost is called once in each outage, with its first error; Back when the outage is over, with its length.
	Lost func(error)
	Back func(time.Duration)
	// Silence is how long a stream may bring no byte before it is taken to be dead: longer than the server's
	// heartbeat.
	Silence time.Duration

	since time.Time // of the outage; zero: there is none
	tries int       // in a row without progress
}

// Follower returns a Follower that tells nobody of outages; its fields are set before it is used.
func (c *Client) Follower() *Follower {
	return &Follower{c: c, Lost: func(error) {}, Back: func(time.Duration) {}, Silence: time.Minute}
}

// lost is told why a try has failed, and waits until it is time for the next one. Its error says that there is none: the refusal
// is final (a *Refused if the server has answered), ctx has ended, or GiveUpAfter has passed.
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

// back ends the outage, if there is one. It leaves tries as it is: that an answer has begun is no progress yet, and a server that
// breaks off each stream is to be asked less and less often.
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
		a := f.c.do(ctx, timeout, method, path, body)
		if a.err == nil && a.status/100 == 2 {
			f.back()
			f.progress()
			return a.body, nil
		}
		if err := f.lost(ctx, refused(a)); err != nil {
			return nil, err
		}
	}
}
