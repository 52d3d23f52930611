package feed

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"ingot/internal/event"
)

// Subscriber follows the feed with filters of its own.
type Subscriber struct {
	hub    *Hub
	query  event.Query   // Topics and Source
	signal chan struct{} // one slot: the buffer has changed, or Run offers nothing more

	// used by the goroutine that calls Next alone
	at     event.Position // the caller of Next has everything up to here
	joined bool           // what lies behind until comes through the buffer
	until  event.Position // while joined: what lies up to here is read by pages

	// guarded by hub.mu
	listens bool // Run offers it events
	buffer  []*event.Stored
	bytes   int
	after   event.Position // Run puts into the buffer what lies behind this
	behind  bool           // the buffer ran over: go back to pages when it is empty
	asked   time.Time      // when Next was last called or answered; zero: it waits now
	err     error
	closed  bool
}

// Subscribe follows the feed from a place on. It fails with event.ErrFeedFull and
// event.ErrFeedClosed. Whoever subscribes must Close.
func (h *Hub) Subscribe(q event.Query, from event.Position) (*Subscriber, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closed:
		return nil, event.ErrFeedClosed
	case h.open >= h.config.Streams:
		return nil, event.ErrFeedFull
	}
	h.open++
	query := event.Query{Topics: q.Topics, Source: q.Source}
	return &Subscriber{hub: h, query: query, signal: make(chan struct{}, 1), at: from}, nil
}

// Close ends the subscription. It may be called again.
func (s *Subscriber) Close() {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if !s.closed {
		s.closed = true
		s.hub.open--
		s.leaveLocked(event.ErrFeedClosed)
	}
}

// Next waits for events until wait is over or ctx ends. If a page is being read when wait is over, Next waits for it,
// for Config.QueryTimeout at most: otherwise a subscriber whose wait is shorter than a page takes would make no progress.
//
// Next returns the events that came, in order, and the place up to which the subscriber has now seen everything. The
// place moves on even without events. The events belong to all subscribers: the caller must not change them.
//
// It fails with *event.CursorError when the place is gone from the log, with event.ErrCutOff when it was called too
// rarely, with event.ErrFeedClosed when the hub stops. While the database is away Next waits for it.
func (s *Subscriber) Next(ctx context.Context, wait time.Duration) ([]*event.Stored, event.Position, error) {
	s.mark(true)
	defer s.mark(false)
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		events, err := s.step(ctx, waiting)
		if err != nil || len(events) > 0 || waiting.Err() != nil {
			return events, s.at, err
		}
	}
}

// mark notes whether the caller waits in Next, or is away with the events that it was given.
func (s *Subscriber) mark(here bool) {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.asked = time.Time{}
	if !here {
		s.asked = time.Now()
	}
}

// step reads a page, or takes events out of the buffer and waits for some if it is empty. It reads within ctx, and
// waits within waiting.
func (s *Subscriber) step(ctx, waiting context.Context) ([]*event.Stored, error) {
	if !s.joined || s.at.Compare(s.until) < 0 {
		return s.catchUp(ctx, waiting)
	}
	events, err := s.take()
	if err != nil || len(events) > 0 || !s.joined {
		return events, err
	}
	select {
	case <-s.signal:
		return nil, nil
	case <-waiting.Done():
		return s.take() // the place may have moved on meanwhile
	}
}

// catchUp reads a page, and joins when nothing is committed behind it.
func (s *Subscriber) catchUp(ctx, waiting context.Context) ([]*event.Stored, error) {
	if err := s.ended(); err != nil {
		return nil, err
	}
	q := s.query
	q.Cursor, q.Limit, q.MaxBytes = s.at.Cursor(), pageEvents, s.hub.config.CatchUpBytes
	page, err := s.hub.read(ctx, s.hub.pages, q)
	if _, gone := errors.AsType[*event.CursorError](err); gone {
		return nil, err
	}
	if err != nil {
		if ctx.Err() == nil {
			s.hub.log.Debug("cannot read events for a stream, will try again", zap.Error(err))
		}
		sleep(waiting, s.hub.config.Poll)
		return nil, nil
	}
	var events []*event.Stored
	for i := range page.Events {
		if s.joined && page.Events[i].Position.Compare(s.until) > 0 {
			break // it is in the buffer
		}
		events = append(events, &page.Events[i])
	}
	s.at = page.At
	if s.joined && s.at.Compare(s.until) > 0 {
		s.at = s.until
	}
	switch {
	case page.End && !s.joined:
		s.join()
	case page.End && len(events) == 0 && s.at.Compare(s.until) < 0: // the log was rewound, which Run has not seen yet
		sleep(waiting, s.hub.config.Poll)
	}
	return events, nil
}

// join makes Run put the events behind s.at into the buffer. The subscriber itself reads, by pages, the events that Run
// has passed already, up to s.until. If nobody else listens and Run is not reading, Run goes on from s.at instead.
func (s *Subscriber) join() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return // the next step says so
	}
	if h.live.Load() == 0 && !h.reading {
		h.at = s.at
	}
	s.until, s.after = h.at, s.at
	s.joined, s.listens, s.behind = true, true, false
	if h.live.Add(1) == 1 {
		h.Wake() // something may have been committed since the page
	}
	for _, topic := range s.listensTo() {
		if h.topics[topic] == nil {
			h.topics[topic] = map[*Subscriber]bool{}
		}
		h.topics[topic][s] = true
	}
}

func (s *Subscriber) listensTo() []string {
	if len(s.query.Topics) == 0 {
		return []string{""}
	}
	return s.query.Topics
}

func (s *Subscriber) ended() error {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.hub.closed {
		return event.ErrFeedClosed
	}
	return s.err
}
