package feed

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"ingot/internal/event"
)

const (
	// breath is how long Run rests after it has read to the end of the log. A guess: each read costs Postgres a
	// millisecond, and nobody notices a hundredth of a second.
	breath = 10 * time.Millisecond

	pageEvents = 1000

	// warnEvery is how often it is logged that the feed cannot be read: Run tries five times a second while the database
	// is away. A guess.
	warnEvery = 10 * time.Second
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
	PageBytes    int           // bytes of one page that Run reads for all
	CatchUpBytes int           // bytes of a page that one subscriber reads for itself
	Poll         time.Duration // how often the log is looked at for other processes' commits
	Stall        time.Duration // a subscriber whose buffer runs over must have called Next within this
	QueryTimeout time.Duration // one page
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
	reading bool                            // Run is reading on from at, so that a subscriber that joins must not move it
	topics  map[string]map[*Subscriber]bool // the subscribers that listen to a topic; "": those that listen to all
	open    int                             // subscribers
	closed  bool
	warned  time.Time // when it was last logged that the feed cannot be read
}

// New makes a hub. Run reads from tail, subscribers that catch up read from pages.
func New(config Config, tail, pages Log, log *zap.Logger) *Hub {
	return &Hub{config: config, tail: tail, pages: pages, log: log, wake: make(chan struct{}, 1), topics: map[string]map[*Subscriber]bool{}}
}

// Wake tells Run that something was committed. It never waits, and does nothing while nobody listens: the first
// subscriber that joins wakes Run itself.
func (h *Hub) Wake() {
	if h.live.Load() > 0 {
		tell(h.wake)
	}
}

// tell leaves a word in a channel with one slot, unless one is there already.
func tell(slot chan<- struct{}) {
	select {
	case slot <- struct{}{}:
	default:
	}
}

// Stats are the figures of a moment.
type Stats struct {
	Subscribers int
	CatchingUp  int // subscribers that read pages, and are not live
	Most        int // the most subscribers that there may be
}

// Stats tells how many subscribers there are.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Stats{Subscribers: h.open, CatchingUp: h.open - int(h.live.Load()), Most: h.config.Streams}
}

// Run reads the log and hands events out to the subscribers until ctx ends. Then it ends all subscribers.
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
		h.readOn(ctx)
		sleep(ctx, breath)
	}
}

// readOn reads to the end of the log, if anybody listens.
func (h *Hub) readOn(ctx context.Context) {
	for at, ok := h.begin(); ok && ctx.Err() == nil; {
		page, err := h.read(ctx, h.tail, event.Query{Cursor: at.Cursor(), Limit: pageEvents, MaxBytes: h.config.PageBytes})
		if err != nil {
			h.failed(ctx, err)
			return
		}
		at, ok = page.At, !h.publish(page)
	}
}

// begin returns the place that Run reads on from, and claims it, so that a subscriber that joins from now on does not
// move it. ok is false while nobody listens.
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

// publish hands a page out to the subscribers. end says that there is nothing to read behind it for now.
func (h *Hub) publish(page event.Page) (end bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range page.Events { // e is a copy: a pointer into the page would keep the whole page for one event
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

// failed deals with an error of reading. If Run's place is gone, the log was rewound, and the subscribers that are live
// are ended. After any other error the next poll tries again.
func (h *Hub) failed(ctx context.Context, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reading = false
	_, gone := errors.AsType[*event.CursorError](err)
	switch {
	case gone:
		h.log.Warn("the commit log was rewound, ending the streams", zap.Int32("streams", h.live.Load()), zap.Error(err))
		h.endLocked(err)
	case ctx.Err() == nil && time.Since(h.warned) >= warnEvery:
		h.warned = time.Now()
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w; a page has %s (--query-timeout)", err, h.config.QueryTimeout)
		}
		h.log.Warn("cannot read the feed, will try again", zap.Error(err))
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
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
