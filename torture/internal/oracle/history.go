package oracle

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// History is every attempt of a run.
type History struct {
	out    io.Writer     // the log of the run
	during func() string // names the fault that is on
	broken chan struct{} // closed at the first violation

	mu         sync.Mutex // guards what follows, and out
	tick       int64
	attempts   []*Attempt // by number
	keys       map[Key][]*Attempt
	excuses    map[string][]int64 // by ingester: the tick at which each is over
	violations []Violation
}

// New makes an empty history, which writes a line for each entry to out. during names
// the fault that is on; it is called while an entry is made and must not call back.
func New(out io.Writer, during func() string) *History {
	return &History{out: out, during: during, broken: make(chan struct{}), keys: map[Key][]*Attempt{}, excuses: map[string][]int64{}}
}

// Reserve gives out n numbers in a row, so that the events of n attempts can be made.
func (h *History) Reserve(n int) (first int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first = len(h.attempts)
	h.attempts = append(h.attempts, make([]*Attempt, n)...)
	return first
}

// Send writes down that the attempts from number first on are about to be sent in one
// HTTP request.
func (h *History) Send(first, request int, to string, events []Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	tick, now := h.nextLocked(), time.Now()
	for i, e := range events {
		a := &Attempt{Event: e, Number: first + i, Sending: first, Request: request, To: to, Sent: tick, SentAt: now}
		h.attempts[a.Number] = a
		h.keys[e.Key] = append(h.keys[e.Key], a)
	}
	fmt.Fprintf(h.out, "%d %s send %d..%d request %d to %s", tick, clock(now), first, first+len(events)-1, request, to)
	for _, e := range events {
		fmt.Fprintf(h.out, " %q/%q", e.Key.ID, e.Key.Topic)
	}
	fmt.Fprintln(h.out)
}

// Tell writes down the answer to a sending, event by event, and judges it as far as
// that is possible without the table.
func (h *History) Tell(first int, fates []Fate, answer string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tellLocked(first, fates, answer)
}

func (h *History) tellLocked(first int, fates []Fate, answer string) {
	tick, now, during := h.nextLocked(), time.Now(), h.during()
	fmt.Fprintf(h.out, "%d %s told %d..%d %s %v (%s)\n", tick, clock(now), first, first+len(fates)-1, answer, fates, during)
	for i, f := range fates {
		a := h.attempts[first+i]
		a.Told, a.ToldAt, a.Fate, a.Answer, a.During = tick, now, f, answer, during
	}
	for i, f := range fates {
		if f.settled() {
			h.judgeLocked(h.attempts[first+i].Key, nil, true)
		}
	}
}

// Lost writes down that a sending has no answer. There must be an excuse for that at some moment after the tick
// since, at which the connection had not failed yet: it may have died while it was idle.
func (h *History) Lost(first, n int, since int64, why string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tellLocked(first, slices.Repeat([]Fate{Unknown}, n), "none: "+why)
	if a := h.attempts[first]; !h.excusedLocked(a.To, since) {
		h.violateLocked("every request is answered", a.Key, why, []*Attempt{a})
	}
}

// Now is the tick of the latest entry.
func (h *History) Now() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.tick
}

func (h *History) nextLocked() int64 {
	h.tick++
	return h.tick
}

// Counts are the numbers of attempts by what clients were told about them, but for those that were refused.
type Counts struct{ Stored, Duplicates, Unknown int64 }

// Counts adds up all attempts that were sent.
func (h *History) Counts() (c Counts) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.attempts {
		switch {
		case a == nil:
		case a.Fate == Stored:
			c.Stored++
		case a.Fate == Duplicate:
			c.Duplicates++
		case a.Fate.undecided():
			c.Unknown++
		}
	}
	return c
}
