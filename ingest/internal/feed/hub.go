package feed

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"ingot/internal/event"
)

const (
	// breath is how long Run rests after a reading. A guess: a reader's server needs a
	// millisecond for one, and nobody sees a hundredth of a second.
	breath = 10 * time.Millisecond

	pageEvents = 1000
)

// Log reads committed events in feed order.
type Log interface {
	// Events reads a page of the feed. It fails with *event.CursorError when the place
	// asked for is not in the log any more.
	Events(ctx context.Context, q event.Query) (event.Page, error)
}

// Config bounds a Hub. All fields are required.
type Config struct {
	Streams      int           // subscribers at a time
	Buffer       int           // events that wait for one subscriber
	BufferBytes  int           // bytes of them; one event may be larger
	PageBytes    int           // bytes of one reading for all
	CatchUpBytes int           // bytes of a page that one subscriber reads for itself
	Poll         time.Duration // how often the log is looked at for other processes' commits
	Stall        time.Duration // a subscriber whose buffer runs over must have called Next within this
	QueryTimeout time.Duration // one reading
}

// Hub is described in the package comment.
type Hub struct {
	config Config
	tail   Log // read by Run alone
	pages  Log // read by subscribers that catch up
	log    *zap.Logger
	wake   chan struct{} // one slot: something was committed here
	live   atomic.Int32  // subscribers in topics; changed under mu

	mu      sync.Mutex // guards what follows, and the subscribers
	at      event.Position
	reading bool                            // Run is on its way from at
	topics  map[string]map[*Subscriber]bool // who listens to a topic; "" to all
	open    int                             // subscribers
	closed  bool
}

// New makes a hub. Run reads from tail, subscribers that catch up read from pages.
func New(config Config, tail, pages Log, log *zap.Logger) *Hub {
	return &Hub{config: config, tail: tail, pages: pages, log: log, wake: make(chan struct{}, 1), topics: map[string]map[*Subscriber]bool{}}
}

// Wake says that something was committed. It never waits, and does nothing while nobody
// listens: who joins wakes Run itself.
func (h *Hub) Wake() {
	if h.live.Load() == 0 {
		return
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Stats are the figures of a moment.
type Stats struct {
	Subscribers int
	CatchingUp  int // of them: those that read pages, and are not live
	Most        int // there may be so many
}

// Stats tells how many subscribers there are.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Stats{Subscribers: h.open, CatchingUp: h.open - int(h.live.Load()), Most: h.config.Streams}
}

// Run reads and hands out until ctx ends, and ends all subscribers then.
func (h *Hub) Run(ctx context.Context) {
	defer h.close()
	poll := time.NewTicker(h.config.Poll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.wake:
		case <-poll.C:
		}
		if h.readOn(ctx) {
			sleep(ctx, breath)
		}
	}
}

// readOn reads to the end of the log, if anybody listens.
func (h *Hub) readOn(ctx context.Context) bool {
	for at, ok := h.begin(); ok && ctx.Err() == nil; {
		page, err := h.read(ctx, h.tail, event.Query{Cursor: at.Cursor(), Limit: pageEvents, MaxBytes: h.config.PageBytes})
		if err != nil {
			h.failed(ctx, err)
			return true
		}
		at = page.At
		if h.publish(page) {
			return true
		}
	}
	return false
}

// begin claims the place to read from: from now on joining does not move it.
func (h *Hub) begin() (at event.Position, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reading = h.live.Load() > 0
	return h.at, h.reading
}

func (h *Hub) read(ctx context.Context, from Log, q event.Query) (event.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, h.config.QueryTimeout)
	defer cancel()
	q.Feed = true
	return from.Events(ctx, q)
}

// publish hands a page out and tells whether it was the last for now.
func (h *Hub) publish(page event.Page) (end bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range page.Events { // a copy: a pointer into the page would keep all of it for one event
		for s := range h.topics[e.Topic] {
			s.offerLocked(&e)
		}
		for s := range h.topics[""] {
			s.offerLocked(&e)
		}
	}
	h.at = page.At
	h.reading = !page.End && h.live.Load() > 0
	return !h.reading
}

// failed ends the subscribers when the log is another one than it was. Otherwise
// the next poll tries again.
func (h *Hub) failed(ctx context.Context, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reading = false
	var gone *event.CursorError
	switch {
	case errors.As(err, &gone):
		h.log.Warn("the commit log was rewound: streams end", zap.Int32("streams", h.live.Load()), zap.Error(err))
		h.endLocked(err)
	case ctx.Err() == nil:
		h.log.Warn("the feed cannot be read now", zap.Error(err))
	}
}

func (h *Hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	h.endLocked(event.ErrFeedClosed)
}

// endLocked ends every subscriber that is live.
func (h *Hub) endLocked(err error) {
	for _, listening := range h.topics {
		for s := range listening {
			s.leaveLocked(err)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
