package feed

import (
	"slices"
	"time"

	"ingot/internal/event"
)

// How Run and a subscriber meet: Run offers events, and the subscriber takes them out of its buffer. A subscriber
// whose buffer has no room leaves.

// takeBytes is how much of the buffer one Next gives out. It is small, so that a slow client's stream calls Next often
// enough not to be cut off as one that does not read: it has to read this much within Stall, 10 s, which is 13 KB/s. A
// guess.
const takeBytes = 128 << 10

// take gives out the oldest events of the buffer. If there are none, it returns the error that has ended the
// subscriber, or sends a subscriber whose buffer ran over back to pages, or moves its place on to where Run is.
func (s *Subscriber) take() ([]*event.Stored, error) {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	events := s.firstLocked()
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

// firstLocked takes events out of the buffer until they come to takeBytes, and at least one if there is any.
func (s *Subscriber) firstLocked() []*event.Stored {
	n := 0
	for taken := 0; n < len(s.buffer) && taken < takeBytes; n++ {
		taken += s.buffer[n].Size()
		s.bytes -= s.buffer[n].Size()
	}
	if n == len(s.buffer) {
		events := s.buffer
		s.buffer = nil
		return events
	}
	events := slices.Clone(s.buffer[:n])
	clear(s.buffer[:n]) // or the array would keep the events alive that were given out
	s.buffer = s.buffer[n:]
	return events
}

// offerLocked puts an event into the buffer if it passes the filters and lies behind after.
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
	tell(s.signal)
}

// overLocked deals with a subscriber whose buffer is full. If the subscriber waits in Next or has called it within
// Stall, it goes on with pages, otherwise it is cut off. In either case it still gets what the buffer holds.
func (s *Subscriber) overLocked() {
	if !s.asked.IsZero() && time.Since(s.asked) > s.hub.config.Stall {
		s.leaveLocked(event.ErrCutOff)
		return
	}
	s.behind = true
	s.leaveLocked(nil)
}

// leaveLocked makes Run offer the subscriber nothing more. err is what Next fails with once the buffer is empty;
// nil: it goes on with pages.
func (s *Subscriber) leaveLocked(err error) {
	if s.err == nil {
		s.err = err
	}
	if s.listens {
		s.listens = false
		s.hub.live.Add(-1)
		for _, topic := range s.listensTo() {
			delete(s.hub.topics[topic], s)
			if len(s.hub.topics[topic]) == 0 {
				delete(s.hub.topics, topic)
			}
		}
	}
	tell(s.signal)
}
