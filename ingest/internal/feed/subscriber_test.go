package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"ingot/internal/event"
)

// TestJoining: whoever begins anywhere, while commits go on and readings take their
// time, gets every event behind its place, once, in order.
func TestJoining(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ took, lag time.Duration }{{}, {3 * time.Millisecond, 0}, {70 * time.Millisecond, 0}, {time.Millisecond, 30 * time.Millisecond}, {20 * time.Millisecond, 100 * time.Millisecond}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			config := testConfig()
			config.Buffer = 30 // it runs over now and then
			inSlowBubble(t, config, c.lag, func(t *testing.T, h *Hub, log *fakeLog) {
				log.took, log.pageMax = c.took, 20
				const total = 400
				for range 50 {
					log.commit("t", "s")
				}
				var all sync.WaitGroup
				for i := range 10 {
					begin := 5 * i
					q := event.Query{}
					if i%2 == 1 {
						q.Topics = []string{"t"}
					}
					all.Go(func() { // ends with the last event, awaited below
						time.Sleep(time.Duration(i) * 37 * time.Millisecond)
						s := subscribe(t, h, q, event.Position{Commit: int64(begin), ID: int64(begin), Identity: 7})
						defer s.Close()
						want(t, fmt.Sprint("subscriber ", i), gather(t, s, total-begin), numbers(begin+1, total))
					})
				}
				for i := range total - 50 {
					time.Sleep(time.Duration(i%5) * time.Millisecond)
					log.commit("t", "s")
					h.Wake()
				}
				all.Wait()
			})
		})
	}
}

// TestJoiningBehindRun: what Run has passed while the page was on its way is read by
// pages, however many there are, also where nobody is left that Run reads for.
func TestJoiningBehindRun(t *testing.T) {
	t.Parallel()
	inSlowBubble(t, testConfig(), time.Second, func(t *testing.T, h *Hub, log *fakeLog) {
		log.pageMax = 20
		other := joined(t, h, event.Query{})
		s := subscribe(t, h, event.Query{}, event.Position{})
		defer s.Close()
		time.AfterFunc(500*time.Millisecond, func() { // its page was read, and is on its way
			for range 50 {
				log.commit("t", "s")
			}
			h.Wake()
		})
		time.AfterFunc(650*time.Millisecond, func() { // Run begins a reading behind them
			log.mu.Lock()
			log.took = time.Second
			log.mu.Unlock()
			h.Wake()
		})
		time.AfterFunc(700*time.Millisecond, other.Close)
		want(t, "all", gather(t, s, 50), numbers(1, 50))
	})
}

// TestJoiningAheadOfRun: whoever has read further than Run by itself stays where it is.
func TestJoiningAheadOfRun(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		defer joined(t, h, event.Query{}).Close()
		log.mu.Lock()
		log.took = time.Second
		log.mu.Unlock()
		h.Wake()
		synctest.Wait() // Run begins a reading
		log.mu.Lock()
		log.took = 0
		log.mu.Unlock()
		for range 5 {
			log.commit("t", "s")
		}
		s := subscribe(t, h, event.Query{}, event.Position{})
		defer s.Close()
		want(t, "all", gather(t, s, 5), numbers(1, 5))
		if events, at, err := s.Next(t.Context(), time.Millisecond); len(events) > 0 || err != nil || at.Commit != 5 {
			t.Errorf("behind the fifth: %v %v %v", events, at, err)
		}
	})
}

// recorder is a log without events that keeps what it is asked.
type recorder struct{ asked []event.Query }

func (r *recorder) Events(_ context.Context, q event.Query) (event.Page, error) {
	r.asked = append(r.asked, q)
	at, err := event.ParsePosition(q.Cursor)
	return event.Page{At: at, End: true}, err
}

// TestWhoIsSentBackNeedsNoWord: it may have been told of the buffer and of its end at once.
func TestWhoIsSentBackNeedsNoWord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := testConfig()
		config.Buffer = 1
		h := New(config, nil, nil, zap.NewNop())
		s := subscribe(t, h, event.Query{}, event.Position{})
		defer s.Close()
		s.join()
		for i := range int64(2) {
			e := event.Stored{Position: event.Position{Commit: 1, ID: i + 1}}
			h.publish(event.Page{Events: []event.Stored{e}, At: e.Position, End: true})
		}
		<-s.signal
		for i, want := range []int{1, 0} { // what the buffer holds, and then it goes back
			if events, err := s.step(t.Context(), t.Context()); len(events) != want || err != nil || s.joined != (i == 0) {
				t.Errorf("%d events, joined %v: %v", len(events), s.joined, err)
			}
		}
	})
}

// TestWhoIsSentBackLeavesOnce: one that closes while it reads pages, having been live,
// takes the place of nobody who still is, and leaves nothing behind.
func TestWhoIsSentBackLeavesOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		sentBack, live := joined(t, h, event.Query{}), joined(t, h, event.Query{Topics: []string{"t"}})
		for range 200 {
			log.commit("t", "s")
		}
		time.Sleep(time.Second)
		want(t, "a burst", gather(t, live, 200), numbers(1, 200))
		if _, _, err := live.Next(t.Context(), time.Millisecond); err != nil { // it is live again
			t.Error(err)
		}
		want(t, "one is sent back", h.Stats(), Stats{2, 1, 10})
		sentBack.Close()
		want(t, "it has left", h.Stats(), Stats{1, 0, 10})
		log.commit("t", "s")
		want(t, "the other one", gather(t, live, 1), []string{"201"})
		live.Close()
		if len(h.topics) > 0 || h.Stats() != (Stats{0, 0, 10}) {
			t.Errorf("in the end: %v listen, %+v", h.topics, h.Stats())
		}
	})
}

// TestWhoDoesNotReadIsCutOff with what it was given in order, and nobody else is.
func TestWhoDoesNotReadIsCutOff(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		slow, quick := joined(t, h, event.Query{}), joined(t, h, event.Query{})
		defer slow.Close()
		defer quick.Close()
		for range 2000 {
			time.Sleep(10 * time.Millisecond)
			log.commit("t", "s")
			h.Wake()
			if events, _, err := quick.Next(t.Context(), time.Second); err != nil || len(events) != 1 {
				t.Fatalf("%v %v", events, err)
			}
		}
		events, at, err := slow.Next(t.Context(), time.Second)
		var ids []string
		for _, e := range events {
			ids = append(ids, e.Event.ID)
		}
		if err != nil || !slices.Equal(ids, numbers(1, len(ids))) || at.Commit != int64(len(ids)) {
			t.Errorf("before the end: %v %v %v", ids, at, err)
		}
		ended := err
		for range 100 { // it was sent back to pages before it was cut off
			if _, _, ended = slow.Next(t.Context(), time.Second); ended != nil {
				break
			}
			time.Sleep(6 * time.Second)
			for range 150 {
				log.commit("t", "s")
			}
			time.Sleep(time.Second)
		}
		if !errors.Is(ended, event.ErrCutOff) {
			t.Errorf("got %v, want that it is cut off", ended)
		}
	})
}

// TestWhoReadsSlowlyIsNotCutOff: it falls behind, and gets everything.
func TestWhoReadsSlowlyIsNotCutOff(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		s := joined(t, h, event.Query{})
		defer s.Close()
		payload := strings.Repeat("x", 10_000)
		go func() { // ends by itself: all that is waited for is committed by then
			for range 500 {
				time.Sleep(100 * time.Millisecond)
				log.commitPayload("t", "s", payload)
				h.Wake()
			}
		}()
		var ids []string
		for len(ids) < 500 {
			events, _, err := s.Next(t.Context(), time.Second)
			if err != nil {
				t.Fatalf("after %d events: %v", len(ids), err)
			}
			for _, e := range events {
				ids = append(ids, e.Event.ID)
				time.Sleep(300 * time.Millisecond) // 33 KB/s: what the buffer holds takes six times Stall
			}
		}
		want(t, "all", ids, numbers(1, 500))
	})
}

// TestABurstCutsNobodyOff who reads.
func TestABurstCutsNobodyOff(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		s := subscribe(t, h, event.Query{}, event.Position{})
		defer s.Close()
		for i := range 5 {
			if _, _, err := s.Next(t.Context(), time.Millisecond); err != nil {
				t.Fatal(err)
			}
			for range 3000 {
				log.commit("t", "s")
			}
			h.Wake()
			time.Sleep(time.Second) // it is away with what it was given
			want(t, fmt.Sprint("burst ", i), gather(t, s, 3000), numbers(3000*i+1, 3000*(i+1)))
		}
	})
}

// TestABurstAfterALongWait: who waits for events reads, however long ago it began to.
func TestABurstAfterALongWait(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		s := joined(t, h, event.Query{})
		defer s.Close()
		time.AfterFunc(2*h.config.Stall, func() {
			for range 300 {
				log.commit("t", "s")
			}
		})
		begin := time.Now()
		want(t, "the burst", gather(t, s, 300), numbers(1, 300))
		if took := time.Since(begin) - 2*h.config.Stall; took > h.config.Poll {
			t.Errorf("it took %v", took)
		}
	})
}
