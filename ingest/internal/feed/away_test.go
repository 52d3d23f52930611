package feed

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"ingot/internal/event"
)

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
		log.fail = fmt.Errorf("no database: %w", context.DeadlineExceeded)
		log.mu.Unlock()
		log.commit("t", "s")
		for _, s := range []*Subscriber{live, late} {
			if events, at, err := s.Next(t.Context(), 3*warnEvery/2); err != nil || len(events) > 0 || at != place {
				t.Errorf("while it is away: %v %v %v", events, at, err)
			}
		}
		if n := told.FilterMessage("cannot read the feed, will try again").Len(); n != 3 {
			t.Errorf("the log was told %d times in %s", n, 3*warnEvery)
		}
		if text := fmt.Sprint(told.All()[0].ContextMap()["error"]); !strings.Contains(text, "(--query-timeout)") {
			t.Errorf("the log does not name the setting: %s", text)
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
		if n := told.FilterMessage("the commit log was rewound, ending the streams").Len(); n != 1 {
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

// TestARewoundLogIsNotAskedAgainAndAgain by a subscriber that catches up, while Run, which hangs, has not seen that the log
// ends before the place where Run is.
func TestARewoundLogIsNotAskedAgainAndAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &fakeLog{took: time.Millisecond}
		h := New(testConfig(), log, log, zap.NewNop()) // and no Run, as one that hangs
		defer joined(t, h, event.Query{}).Close()
		for range 5 {
			log.commit("t", "s")
		}
		h.readOn(t.Context())
		log.events = log.events[:3]
		s := subscribe(t, h, event.Query{}, event.Position{})
		defer s.Close()
		before := log.readings()
		want(t, "what is left", gather(t, s, 3), numbers(1, 3))
		if events, _, err := s.Next(t.Context(), time.Second); len(events) > 0 || err != nil {
			t.Errorf("%v %v", events, err)
		}
		if n := log.readings() - before; n > 10 {
			t.Errorf("%d readings in a second", n)
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
