package client

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"ingot/internal/event"
	"ingot/internal/workload"
)

// Status is what became of one event.
type Status uint8

const (
	Failed    Status = iota // certainly not stored by this batch: refused, or never taken
	Unknown                 // an attempt left the outcome open, and no later one settled it
	Stored                  // committed, and new
	Duplicate               // committed, and there before
	Invalid                 // refused for what it holds
)

// Result is what became of one batch.
type Result struct {
	Statuses []Status        // one per event, in the order of the batch
	Requests int             // attempts, whether answered or not
	Retries  []string        // the cause of each retry
	Latency  []time.Duration // of each attempt that was answered

	// Reopened tells that an attempt before the last one left the outcome open:
	// an event answered Duplicate may be one that this batch stored itself.
	Reopened bool
	GaveUp   bool // a retry could have helped, but the time was up, or ctx had ended
	Barred   bool // the refusal is not about these events: no key that may, no certificate that is trusted, no Ingot

	// Divisible tells that the request was refused as a whole, and nothing of it stored, for its size or for one of its
	// events that the answer does not name. In a smaller request the other events may be taken.
	Divisible bool

	Cause string // the kind of Err, as in Retries: "invalid", "http_403", ..
	Err   error  // the last refusal, when not every event was stored or duplicate

	// Faults is what is wrong with invalid events, by their index in the batch. It has nothing of an event that the
	// server only calls invalid.
	Faults map[int][]Fault
}

// Publish sends events until each is settled, or the time to give up has come.
// When ctx ends it stops retrying; a request in flight still gets its Grace.
func (c *Client) Publish(ctx context.Context, events []event.Event) Result {
	return c.Send(ctx, events, encode(events))
}

// Send is Publish for a body that is there already: it holds these events, in
// this order, one as an object and several as an array.
func (c *Client) Send(ctx context.Context, events []event.Event, body []byte) Result {
	deadline := time.Now().Add(c.cfg.GiveUpAfter)
	var doubted time.Time // the first of the refusals in a row that are doubted; zero: there is none
	var res Result
	for n := 0; ; n++ {
		no := c.attempt(ctx, events, body, &res)
		if no == nil {
			return res
		}
		retry, until := *no, deadline
		switch {
		case no.again:
			doubted = time.Time{}
		case no.bars && c.insist > 0:
			c.told.Do(func() { c.doubt(no.err) })
			if doubted.IsZero() {
				doubted = time.Now()
			}
			retry.again = true
			if end := doubted.Add(c.insist); end.Before(until) {
				until = end
			}
		}
		if !retry.pause(ctx, n, until) {
			return res.abandon(len(events), *no)
		}
		res.Retries = append(res.Retries, no.cause)
		res.Reopened = res.Reopened || no.open
	}
}

// encode writes one event as an object and several as an array: they are
// different forms of the contract, and their answers differ too.
func encode(events []event.Event) []byte {
	if len(events) == 1 {
		return workload.AppendJSON(nil, events[0])
	}
	return workload.AppendArray(make([]byte, 0, 512*len(events)), events)
}

// attempt makes one request; it returns nil when that settled the batch.
func (c *Client) attempt(ctx context.Context, events []event.Event, body []byte, res *Result) *refusal {
	ctx, cancel := Outlive(ctx, Grace)
	defer cancel()
	began := time.Now()
	a := c.do(ctx, c.cfg.Timeout, http.MethodPost, "/publish", body)
	res.Requests++
	if a.err == nil {
		res.Latency = append(res.Latency, time.Since(began))
	}
	s, err := settle(a, events)
	if errors.Is(err, errNotSettled) {
		no := refused(a)
		return &no
	}
	if s.statuses == nil { // the answer contradicts what was sent: nothing in it counts
		return &refusal{cause: "answer", open: true, bars: true, err: err}
	}
	if res.Statuses, res.Faults = s.statuses, s.faults; err != nil {
		res.Cause, res.Err, res.Divisible = "invalid", err, problemOf(a).byPostgres()
	}
	return nil
}

// abandon fills in what is known of a batch that was never settled.
func (res Result) abandon(n int, last refusal) Result {
	status := Failed
	if last.open || res.Reopened {
		status = Unknown
	}
	res.Statuses = slices.Repeat([]Status{status}, n)
	res.GaveUp, res.Barred, res.Cause, res.Err = last.again, last.bars, last.cause, last.err
	res.Divisible = last.large
	return res
}
