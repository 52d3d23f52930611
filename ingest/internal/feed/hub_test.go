package feed

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

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
		gather(t, s, 1)
		synctest.Wait() // the second page is being read
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
