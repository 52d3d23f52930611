package feed

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"go.uber.org/zap"

	"ingot/internal/event"
)

// TestABufferIsFull at either of its bounds and not before, and whoever it belongs to is told of what it holds. An event
// that is larger than the bound on bytes is held alone.
func TestABufferIsFull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sizes []int
		held  int // the first so many; of more, the next has it sent back
	}{
		"events":       {[]int{1, 1, 1, 1}, 3},
		"bytes":        {[]int{40, 60, 1}, 2},
		"bytes of two": {[]int{60, 60}, 1},
		"room is left": {[]int{40, 60}, 2},
		"large":        {[]int{101}, 1},
	} {
		config := testConfig()
		config.Buffer, config.BufferBytes = 3, 100
		h := New(config, nil, nil, zap.NewNop())
		s := subscribe(t, h, event.Query{}, event.Position{})
		s.join()
		for i, size := range c.sizes {
			e := event.Stored{Event: event.Event{Topic: "t", Payload: strings.Repeat("x", size-len("t"))}, Position: event.Position{Commit: 1, ID: int64(i + 1)}}
			h.publish(event.Page{Events: []event.Stored{e}, At: e.Position, End: true})
		}
		if len(s.buffer) != c.held || s.listens != (c.held == len(c.sizes)) || len(s.signal) != 1 {
			t.Errorf("%s: %d events, want %d; it listens: %v, and is told: %v", name, len(s.buffer), c.held, s.listens, len(s.signal) == 1)
		}
		s.Close()
	}
}

// TestABufferHoldsNoPages: what waits for a subscriber keeps the other events of its page
// from nobody's memory.
func TestABufferHoldsNoPages(t *testing.T) {
	t.Parallel()
	h := New(testConfig(), nil, nil, zap.NewNop())
	s := subscribe(t, h, event.Query{Topics: []string{"wanted"}}, event.Position{})
	defer s.Close()
	s.join()
	page := event.Page{Events: make([]event.Stored, 2), At: event.Position{Commit: 1, ID: 2}, End: true}
	for i, topic := range []string{"wanted", "other"} {
		page.Events[i] = event.Stored{Event: event.Event{Topic: topic}, Position: event.Position{Commit: 1, ID: int64(i + 1)}}
	}
	rest := weak.Make(&page.Events[1])
	h.publish(page)
	page = event.Page{}
	runtime.GC()
	if rest.Value() != nil {
		t.Error("an event that nobody waits for is kept by one that somebody does")
	}
	if events, err := s.take(); len(events) != 1 || err != nil {
		t.Errorf("%v %v", events, err)
	}
}

// TestABufferLetsGo of what it has given out, though it holds more.
func TestABufferLetsGo(t *testing.T) {
	t.Parallel()
	h := New(testConfig(), nil, nil, zap.NewNop())
	s := subscribe(t, h, event.Query{}, event.Position{})
	defer s.Close()
	s.join()
	for i := range int64(2) {
		e := event.Stored{Event: event.Event{Topic: "t", Payload: strings.Repeat("x", takeBytes)}, Position: event.Position{Commit: 1, ID: i + 1}}
		h.publish(event.Page{Events: []event.Stored{e}, At: e.Position, End: true})
	}
	events, err := s.take()
	if len(events) != 1 || err != nil {
		t.Fatalf("%v %v", events, err)
	}
	given := weak.Make(events[0])
	events = nil
	runtime.GC()
	if given.Value() != nil || len(s.buffer) != 1 {
		t.Errorf("the buffer, of %d events, keeps one that it has given out", len(s.buffer))
	}
}

// TestABufferIsBoundedInBytes: what is over goes by pages, and what was given out leaves
// room again. A large event is given out alone, with its own place.
func TestABufferIsBoundedInBytes(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		s := joined(t, h, event.Query{})
		defer s.Close()
		payload := strings.Repeat("x", takeBytes)
		for round := range 2 {
			for range 10 {
				log.commitPayload("t", "s", payload)
			}
			time.Sleep(time.Second)
			h.mu.Lock()
			held := 0
			for _, e := range s.buffer {
				held += e.Size()
			}
			if held == 0 || held > h.config.BufferBytes || held != s.bytes {
				t.Errorf("round %d: the buffer holds %d bytes, and counts %d; there may be %d", round, held, s.bytes, h.config.BufferBytes)
			}
			h.mu.Unlock()
			want(t, fmt.Sprint("round ", round), gather(t, s, 10), numbers(10*round+1, 10*round+10))
			if events, _, err := s.Next(t.Context(), time.Millisecond); len(events) > 0 || err != nil { // it is live again
				t.Errorf("%v %v", events, err)
			}
		}
	})
}
