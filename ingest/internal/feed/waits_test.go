package feed

import (
	"errors"
	"testing"
	"time"

	"ingot/internal/event"
)

// TestAPageThatHangsIsGivenUp after Config.QueryTimeout: by a subscriber that catches up, and by Run for all others.
func TestAPageThatHangsIsGivenUp(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		live := joined(t, h, event.Query{})
		defer live.Close()
		takes := func(d time.Duration) {
			log.mu.Lock()
			defer log.mu.Unlock()
			log.took = d
		}
		takes(time.Hour)
		log.commit("t", "s")
		h.Wake()
		late := subscribe(t, h, event.Query{}, event.Position{})
		defer late.Close()
		begin := time.Now()
		events, _, err := late.Next(t.Context(), time.Second)
		if took := time.Since(begin); len(events) > 0 || err != nil || took > testConfig().QueryTimeout {
			t.Errorf("after %v: %v %v", took, events, err)
		}
		takes(0)
		want(t, "the live one", gather(t, live, 1), []string{"1"})
		want(t, "the late one", gather(t, late, 1), []string{"1"})
	})
}

// TestThePlaceMovesOnDuringAWait: whoever filters is told at its end how far all was seen, so that a client resumes there.
func TestThePlaceMovesOnDuringAWait(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		s := joined(t, h, event.Query{Topics: []string{"mine"}})
		defer s.Close()
		time.AfterFunc(time.Second/2, func() {
			log.commit("others'", "s")
			h.Wake()
		})
		events, at, err := s.Next(t.Context(), time.Second)
		if len(events) > 0 || err != nil || at != (event.Position{Commit: 1, ID: 1, Identity: 7}) {
			t.Errorf("%v %v %v", events, at, err)
		}
	})
}

// TestAWaitIsNoLongerForADatabaseThatIsAway: a client's heartbeat comes when it is due.
func TestAWaitIsNoLongerForADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		log.mu.Lock()
		log.fail = errors.New("no database")
		log.mu.Unlock()
		s := subscribe(t, h, event.Query{}, event.Position{})
		defer s.Close()
		begin := time.Now()
		_, _, err := s.Next(t.Context(), testConfig().Poll/2)
		if took := time.Since(begin); err != nil || took != testConfig().Poll/2 {
			t.Errorf("after %v: %v", took, err)
		}
	})
}
