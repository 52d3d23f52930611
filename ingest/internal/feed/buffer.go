package feed

import (
	"time"

	"ingot/internal/event"
)

// How Run and a subscriber meet: Run offers, the subscriber takes, and who cannot be
// offered anything leaves.

// take empties the buffer. Without events the place is where Run is.
func (s *Subscriber) take() ([]*event.Stored, error) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	events := s.buffer
	s.buffer, s.bytes = nil, 0
	switch {
	case len(events) > 0:
		s.at = events[len(events)-1].Position
	case s.err != nil:
		return nil, s.err
	case s.behind:
		s.joined = false
	case h.at.Compare(s.at) > 0:
		s.at = h.at
	}
	return events, nil
}

// offerLocked puts an event into the buffer if it passes the filters.
func (s *Subscriber) offerLocked(e *event.Stored) {
	if s.query.Source != "" && s.query.Source != e.Source || e.Position.Compare(s.after) <= 0 {
		return
	}
	size := e.Size()
	if len(s.buffer) > 0 && (len(s.buffer) == s.hub.config.Buffer || s.bytes+size > s.hub.config.BufferBytes) {
		s.overLocked()
		return
	}
	s.buffer = append(s.buffer, e)
	s.bytes += size
	s.notify()
}

// overLocked: the buffer is full. A subscriber that reads goes on by pages, one that
// does not is cut off; what the buffer holds it may have in either case.
func (s *Subscriber) overLocked() {
	if !s.asked.IsZero() && time.Since(s.asked) > s.hub.config.Stall {
		s.leaveLocked(event.ErrCutOff)
		return
	}
	s.behind = true
	s.leaveLocked(nil)
}

// leaveLocked takes it out of Run's sight.
func (s *Subscriber) leaveLocked(err error) {
	if s.err == nil {
		s.err = err
	}
	if s.listens {
		s.listens = false
		s.hub.live--
		for _, topic := range s.listensTo() {
			delete(s.hub.topics[topic], s)
			if len(s.hub.topics[topic]) == 0 {
				delete(s.hub.topics, topic)
			}
		}
	}
	s.notify()
}

func (s *Subscriber) notify() {
	select {
	case s.signal <- struct{}{}:
	default:
	}
}
