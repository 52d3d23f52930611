package feed

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"ingot/internal/event"
)

// TestOwnCommitsAreSeenAtOnce, others at the next poll.
func TestOwnCommitsAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		s := subscribe(t, h, event.Query{}, event.Position{})
		defer s.Close()
		if events, _, err := s.Next(t.Context(), time.Second); len(events) > 0 || err != nil {
			t.Errorf("nothing is there: %v %v", events, err)
		}
		begin := time.Now()
		log.commit("t", "s")
		h.Wake()
		want(t, "own", gather(t, s, 1), []string{"1"})
		if took := time.Since(begin); took > breath {
			t.Errorf("an own commit was seen after %v", took)
		}
		begin = time.Now()
		log.commit("t", "s")
		h.Wake()
		want(t, "own, while Run rests", gather(t, s, 1), []string{"2"})
		if took := time.Since(begin); took > breath {
			t.Errorf("an own commit was seen after %v", took)
		}
		begin = time.Now()
		log.commit("t", "s")
		want(t, "of another process", gather(t, s, 1), []string{"3"})
		if took := time.Since(begin); took == 0 || took > 200*time.Millisecond {
			t.Errorf("a foreign commit was seen after %v", took)
		}
	})
}

func TestNobodyIsWokenForNobody(t *testing.T) {
	t.Parallel()
	h := New(testConfig(), &fakeLog{}, &fakeLog{}, zap.NewNop()) // and no Run to take it
	if h.Wake(); len(h.wake) > 0 {
		t.Error("Run would wake up at each commit, though nobody listens")
	}
}

// TestCommitBeforeTheFirstJoins: nobody is woken for that, so who joins first looks at
// once, and does not wait for the poll.
func TestCommitBeforeTheFirstJoins(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Poll = time.Minute
	inSlowBubble(t, config, time.Second, func(t *testing.T, h *Hub, log *fakeLog) {
		var at event.Position
		for i := int64(1); i <= 2; i++ { // the second time somebody has listened, and left
			s := subscribe(t, h, event.Query{}, at)
			begin := time.Now()
			time.AfterFunc(500*time.Millisecond, func() { // its page was read, and is on its way
				log.commit("t", "s")
				h.Wake()
			})
			want(t, "seen", gather(t, s, 1), []string{fmt.Sprint(i)})
			if took := time.Since(begin); took != time.Second {
				t.Errorf("seen after %v", took)
			}
			s.Close()
			at = event.Position{Commit: i, ID: i, Identity: 7}
		}
	})
}

// TestOneReadingForAll: a wake-up costs one reading, however many listen, and none
// when nobody does.
func TestOneReadingForAll(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		time.Sleep(10 * time.Second)
		if n := log.readings(); n != 0 {
			t.Errorf("%d readings for nobody", n)
		}
		for range 10 {
			defer joined(t, h, event.Query{}).Close()
		}
		want(t, "figures", h.Stats(), Stats{10, 0, 10})
		time.Sleep(time.Second)
		before := log.readings()
		for range 50 {
			time.Sleep(20 * time.Millisecond)
			log.commit("t", "s")
			h.Wake()
		}
		synctest.Wait()
		if n := log.readings() - before; n > 60 {
			t.Errorf("%d readings for 50 commits and a second of polls", n)
		}
		before = log.readings()
		for range 1000 {
			time.Sleep(breath / 100)
			log.commit("t", "s")
			h.Wake()
		}
		if n := log.readings() - before; n > 12 {
			t.Errorf("%d readings for 1,000 commits in ten breaths", n)
		}
	})
}

// TestNobodyIsReadForNobody: Run stops behind the page at hand when the last one leaves.
func TestNobodyIsReadForNobody(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		s := joined(t, h, event.Query{})
		log.mu.Lock()
		log.took, log.pageMax = time.Second, 1
		log.mu.Unlock()
		for range 20 {
			log.commit("t", "s")
		}
		gather(t, s, 1) // the second page is being read
		s.Close()
		before := log.readings()
		time.Sleep(time.Minute)
		if n := log.readings() - before; n > 0 {
			t.Errorf("%d pages were read for nobody", n)
		}
	})
}

// TestMoreThanAPageAtOnce: Run goes on behind each page at once, and who wants little of them gets
// that once.
func TestMoreThanAPageAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		s := joined(t, h, event.Query{Topics: []string{"rare"}})
		defer s.Close()
		log.took = time.Millisecond
		var rare []string
		for i := range 3 * pageEvents {
			if i%100 > 0 {
				log.commit("t", "s")
				continue
			}
			log.commit("rare", "s")
			rare = append(rare, fmt.Sprint(i+1))
		}
		begin := time.Now()
		want(t, "rare", gather(t, s, len(rare)), rare)
		if took := time.Since(begin); took > h.config.Poll+4*log.took {
			t.Errorf("three pages took %v", took)
		}
		if events, at, err := s.Next(t.Context(), time.Second); len(events) > 0 || err != nil || at.Commit != 3*pageEvents {
			t.Errorf("behind the last: %v %v %v", events, at, err)
		}
	})
}

// TestFilters: topics and source apply together, and the place moves on without
// events.
func TestFilters(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		all := map[string]*Subscriber{}
		for name, q := range map[string]event.Query{
			"all": {}, "a": {Topics: []string{"a"}}, "ab": {Topics: []string{"a", "b"}}, "s1": {Source: "1"}, "s2": {Source: "2"}, "as1": {Topics: []string{"a"}, Source: "1"}, "none": {Topics: []string{"z"}},
		} {
			all[name] = joined(t, h, q)
			defer all[name].Close()
		}
		for _, e := range [][2]string{{"a", "1"}, {"b", "1"}, {"c", "1"}, {"a", "2"}, {"b", "2"}, {"c", "2"}} {
			log.commit(e[0], e[1])
		}
		time.Sleep(time.Second)
		for name, ids := range map[string][]string{"all": numbers(1, 6), "a": {"1", "4"}, "ab": {"1", "2", "4", "5"}, "s1": numbers(1, 3), "s2": numbers(4, 6), "as1": {"1"}, "none": nil} {
			want(t, name, gather(t, all[name], len(ids)), ids)
			if _, at, err := all[name].Next(t.Context(), time.Second); err != nil || at.Commit != 6 {
				t.Errorf("%s: the place is %v, want behind the sixth event; %v", name, at, err)
			}
		}
	})
}

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

// TestPagesAreBounded: Run reads the whole feed, whoever catches up what it wants of it, each with bounds of its own.
// For the first who joins Run reads from there on, and nothing of what lies before.
func TestPagesAreBounded(t *testing.T) {
	t.Parallel()
	var tail, pages recorder
	h := New(testConfig(), &tail, &pages, zap.NewNop()) // and no Run that reads
	place := event.Position{Commit: 5, ID: 50, Identity: 7}
	s := subscribe(t, h, event.Query{Topics: []string{"t"}, Source: "s"}, place)
	defer s.Close()
	if events, at, err := s.Next(t.Context(), time.Millisecond); len(events) > 0 || at != place || err != nil {
		t.Errorf("%v %v %v", events, at, err)
	}
	h.readOn(t.Context())
	want(t, "pages", pages.asked, []event.Query{{Topics: []string{"t"}, Source: "s", Feed: true, Cursor: place.Cursor(), Limit: pageEvents, MaxBytes: h.config.CatchUpBytes}})
	want(t, "tail", tail.asked, []event.Query{{Feed: true, Cursor: place.Cursor(), Limit: pageEvents, MaxBytes: h.config.PageBytes}})
}

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

// TestTheDatabaseIsAway: streams wait for it, and lose nothing; the log is told now and then.
func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		core, told := observer.New(zap.WarnLevel)
		h.log = zap.New(core)
		live := joined(t, h, event.Query{})
		defer live.Close()
		log.commit("t", "s")
		want(t, "before", gather(t, live, 1), []string{"1"})
		place := event.Position{Commit: 1, ID: 1, Identity: 7}
		late := subscribe(t, h, event.Query{}, place)
		defer late.Close()
		log.mu.Lock()
		log.fail = errors.New("no database")
		log.mu.Unlock()
		log.commit("t", "s")
		for _, s := range []*Subscriber{live, late} {
			if events, at, err := s.Next(t.Context(), 3*warnEvery/2); err != nil || len(events) > 0 || at != place {
				t.Errorf("while it is away: %v %v %v", events, at, err)
			}
		}
		if n := told.FilterMessage("the feed cannot be read now").Len(); n != 3 {
			t.Errorf("the log was told %d times in %s", n, 3*warnEvery)
		}
		log.mu.Lock()
		log.fail = nil
		log.mu.Unlock()
		want(t, "the live one", gather(t, live, 1), []string{"2"})
		want(t, "the late one", gather(t, late, 1), []string{"2"})
	})
}

// TestAWaitShorterThanAPage: who catches up gets on all the same.
func TestAWaitShorterThanAPage(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		log.took, log.pageMax = time.Second, 2
		for range 5 {
			log.commit("t", "s")
		}
		s := subscribe(t, h, event.Query{}, event.Position{})
		defer s.Close()
		var ids []string
		for calls := 0; len(ids) < 5 && calls < 10; calls++ {
			events, _, err := s.Next(t.Context(), 100*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				ids = append(ids, e.Event.ID)
			}
		}
		want(t, "after ten waits", ids, numbers(1, 5))
	})
}

// TestARewoundLogEndsStreams at once: both the live ones and those on their way. The log is told, and whoever comes then
// is live again: Run reads on from there.
func TestARewoundLogEndsStreams(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, h *Hub, log *fakeLog) {
		core, told := observer.New(zap.WarnLevel)
		h.log = zap.New(core)
		live, late := joined(t, h, event.Query{}), subscribe(t, h, event.Query{}, event.Position{})
		defer live.Close()
		defer late.Close()
		for range 3 {
			log.commit("t", "s")
		}
		want(t, "before", gather(t, live, 3), numbers(1, 3))
		log.mu.Lock()
		log.fail = &event.CursorError{Gone: true, Detail: "rewound"}
		log.mu.Unlock()
		for _, s := range []*Subscriber{live, late} {
			begin := time.Now()
			var gone *event.CursorError
			if _, _, err := s.Next(t.Context(), time.Minute); !errors.As(err, &gone) || !gone.Gone || time.Since(begin) > h.config.Poll {
				t.Errorf("got %v after %v, want that the cursor is gone", err, time.Since(begin))
			}
		}
		if n := told.FilterMessage("the commit log was rewound: streams end").Len(); n != 1 {
			t.Errorf("the log was told %d times", n)
		}
		log.mu.Lock()
		log.fail, log.events, log.took = nil, nil, time.Millisecond
		log.mu.Unlock()
		after := joined(t, h, event.Query{})
		defer after.Close()
		readings := log.readings()
		if events, _, err := after.Next(t.Context(), time.Second); len(events) > 0 || err != nil {
			t.Errorf("after it: %v %v", events, err)
		}
		if n := log.readings() - readings; n > 10 {
			t.Errorf("%d readings in a second, more than Run's: it is not live", n)
		}
	})
}

// TestTheCapAndTheEnd: no more than Streams at a time, whatever they do; when the hub
// stops all end, and none begins.
func TestTheCapAndTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{}
		h := New(testConfig(), log, log, zap.NewNop())
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { h.Run(ctx); close(done) }() // stopped by stop, awaited below
		var all []*Subscriber
		for range 10 {
			all = append(all, subscribe(t, h, event.Query{}, event.Position{}))
		}
		if _, err := h.Subscribe(event.Query{}, event.Position{}); !errors.Is(err, event.ErrFeedFull) {
			t.Errorf("the eleventh: %v", err)
		}
		all[0].Close()
		all[0].Close()
		all[0] = subscribe(t, h, event.Query{}, event.Position{})
		if _, err := h.Subscribe(event.Query{}, event.Position{}); !errors.Is(err, event.ErrFeedFull) || h.Stats() != (Stats{10, 10, 10}) {
			t.Errorf("a place that was left counts twice: %v", err)
		}
		var waiting sync.WaitGroup
		for _, s := range all[:5] {
			waiting.Go(func() { // ends with the hub, awaited below
				if _, _, err := s.Next(t.Context(), time.Hour); !errors.Is(err, event.ErrFeedClosed) {
					t.Errorf("at the end: %v", err)
				}
			})
		}
		time.Sleep(time.Second)
		begin := time.Now()
		stop()
		<-done
		waiting.Wait()
		if took := time.Since(begin); took > 0 {
			t.Errorf("who waits is told of the end after %v", took)
		}
		for _, s := range all {
			if _, _, err := s.Next(t.Context(), time.Hour); !errors.Is(err, event.ErrFeedClosed) {
				t.Errorf("after the end: %v", err)
			}
			s.Close()
		}
		if _, err := h.Subscribe(event.Query{}, event.Position{}); !errors.Is(err, event.ErrFeedClosed) {
			t.Errorf("one more after the end: %v", err)
		}
	})
}

// TestAStopIsNoFailure: a page that is being read when the hub is to stop is broken off, and the log is not told that the
// feed cannot be read.
func TestAStopIsNoFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, told := observer.New(zap.WarnLevel)
		log := &fakeLog{}
		h := New(testConfig(), log, log, zap.New(core))
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { h.Run(ctx) }) // stopped by stop, awaited below
		defer joined(t, h, event.Query{}).Close()
		log.mu.Lock()
		log.took = time.Second
		log.mu.Unlock()
		time.Sleep(h.config.Poll + log.took/2)
		begin := time.Now()
		stop()
		running.Wait()
		if took := time.Since(begin); took > 0 || told.Len() > 0 {
			t.Errorf("it took %v to stop, and the log was told %v", took, told.All())
		}
	})
}

// TestTheEndWhileAPageIsRead: whoever would join behind it is told of the end as well.
func TestTheEndWhileAPageIsRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{}
		h := New(testConfig(), log, slowPages{log, time.Second}, zap.NewNop())
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { h.Run(ctx) }) // stopped by stop, awaited below
		s := subscribe(t, h, event.Query{}, event.Position{})
		defer s.Close()
		begin := time.Now()
		time.AfterFunc(500*time.Millisecond, stop)
		_, _, err := s.Next(t.Context(), time.Minute)
		if took := time.Since(begin); !errors.Is(err, event.ErrFeedClosed) || took != time.Second {
			t.Errorf("got %v after %v", err, took)
		}
		running.Wait()
	})
}
