package pipeline

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

// TestOutage: once the store has failed for a while, requests are refused at once,
// but for one at a time that tries it; the first success ends that.
func TestOutage(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.OutageGrace, config.RetryBase = 2*time.Second, config.RetryMax // so that 20 tries last
	inBubble(t, config, func(t *testing.T, p running) {
		core, told := observer.New(zap.InfoLevel)
		p.log = zap.New(core)
		again := func() int { return told.FilterMessage("the database works again").Len() }
		p.fake.Next(unavailable()) // no outage yet, and its end is not told either
		wantStored(t, <-p.submit(10, "before"), true)
		for range 20 {
			p.fake.Next(unavailable())
		}
		trying := p.submit(10, "a")
		early := p.submit(10, "b")
		time.Sleep(3 * time.Second)
		refused := <-p.submit(10, "c", "cc")
		wantNotStored(t, refused, event.ReasonUnavailable)
		if !strings.Contains(refused.err.Error(), "--outage-grace") {
			t.Errorf("%v: --outage-grace is not named", refused.err)
		}
		if refused.after != 0 {
			t.Errorf("refused after %s, want at once", refused.after)
		}
		wantNotStored(t, <-trying, event.ReasonExpired)
		wantNotStored(t, <-early, event.ReasonExpired)
		synctest.Wait()
		time.Sleep(2 * time.Second) // the committer sees that its batch has left
		probe := p.submit(10, "d")
		wantNotStored(t, <-p.submit(10, "e"), event.ReasonUnavailable)
		if again() != 0 {
			t.Error("the log tells of the end before it has come")
		}
		wantStored(t, <-probe, true)
		if again() != 1 {
			t.Errorf("the log tells %d times that the database works again, want once", again())
		}
		if s := p.Stats(); s.Refused != 3 || s.Expired != 2 {
			t.Errorf("%d events refused and %d requests expired, want 3 and 2", s.Refused, s.Expired)
		}
		p.fake.Next(storetest.Step{After: time.Second})
		slow := p.submit(10, "f")
		beside := p.submit(10, "g") // no probe any more: everybody is let in
		wantStored(t, <-slow, true)
		wantStored(t, <-beside, true)
	})
}

// TestSlowIsNoOutage: where commits take longer than the grace of an outage, the second try of a batch does so too. Nobody
// is refused meanwhile for one that failed. A store that goes on failing for longer than a commit takes is away.
func TestSlowIsNoOutage(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.OutageGrace, config.RetryBase = 2*time.Second, config.RetryMax // so that 20 tries last
	inBubble(t, config, func(t *testing.T, p running) {
		slow := storetest.Step{After: 3 * time.Second}
		p.fake.Next(slow, unavailable(), slow)
		first := p.submit(10, "a")
		wantStored(t, <-first, true)
		again := p.submit(10, "b")
		time.Sleep(2900 * time.Millisecond) // the second try began after a pause
		beside := p.submit(10, "c")
		wantStored(t, <-again, true)
		wantStored(t, <-beside, true)

		for range 20 {
			p.fake.Next(unavailable())
		}
		trying := p.submit(10, "d")
		time.Sleep(4500 * time.Millisecond)
		early := p.submit(10, "e")
		time.Sleep(time.Second)
		wantNotStored(t, <-p.submit(10, "f"), event.ReasonUnavailable)
		wantNotStored(t, <-trying, event.ReasonExpired)
		wantNotStored(t, <-early, event.ReasonExpired)
	})
}

// TestOutageLetsInOne, and no other before a committer has taken that one.
func TestOutageLetsInOne(t *testing.T) {
	t.Parallel()
	p := New(testConfig(), storetest.NewFake(), nil, zap.NewNop()) // and no Run to take it
	p.downSince = time.Now().Add(-time.Hour)
	group := storetest.Group(storetest.Event("a"))
	if _, err := p.accept(p.newRequest(group, 10)); err != nil {
		t.Errorf("nobody may try the store: %v", err)
	}
	_, err := p.accept(p.newRequest(group, 10))
	wantNotStored(t, outcome{err: err}, event.ReasonUnavailable)
}

// TestOutageEndsWithAHalvedBatch: the store has read its keys. Who comes before a half is stored is let in.
func TestOutageEndsWithAHalvedBatch(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.OutageGrace = 2 * time.Second
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Next(
			storetest.Step{After: 100 * time.Millisecond}, // what follows gathers
			unavailable(), storetest.Step{Before: 3 * time.Second, Fail: unavailable().Fail},
			storetest.Step{}, storetest.Step{Before: time.Second}, // the whole, and its first half
		)
		poisoned := storetest.Event("poisoned")
		poisoned.Source = storetest.Poison
		outcomes := []chan outcome{p.submit(10, "first"), p.submit(10, "a")}
		bad := p.submitGroup(10, storetest.Group(poisoned))
		time.Sleep(2600 * time.Millisecond)
		wantNotStored(t, <-p.submit(10, "b"), event.ReasonUnavailable)
		time.Sleep(time.Second)
		if n := p.fake.Calls(); n != 5 {
			t.Fatalf("%d attempts, want the fifth under way", n)
		}
		for _, o := range append(outcomes, p.submit(10, "c")) {
			wantStored(t, <-o, true)
		}
		wantBadData(t, <-bad)
	})
}

// TestOutageEndsThoughNothingIsStored: a store that refuses data, or has a key that somebody
// holds, works. Who comes then is let in.
func TestOutageEndsThoughNothingIsStored(t *testing.T) {
	t.Parallel()
	poisoned := storetest.Event("poisoned")
	poisoned.Source = storetest.Poison
	for name, probe := range map[string]event.Event{"bad data": poisoned, "a held key": storetest.Event("held")} {
		t.Run(name, func(t *testing.T) {
			config := testConfig()
			config.OutageGrace = 2 * time.Second
			inBubble(t, config, func(t *testing.T, p running) {
				p.fake.Hold("held")
				p.fake.Silence(true)
				wantNotStored(t, <-p.submit(10, "a"), event.ReasonExpired)
				p.fake.Silence(false)
				time.Sleep(10 * time.Second) // the committer gives up connecting, and sees that its batch has left
				p.fake.Next(storetest.Step{Before: time.Second})
				probed := p.submitGroup(10, storetest.Group(probe))
				wantNotStored(t, <-p.submit(10, "b"), event.ReasonUnavailable)
				time.Sleep(2 * time.Second)
				p.fake.Next(storetest.Step{Before: time.Second})
				slow := p.submit(10, "c")
				beside := p.submit(10, "d")
				wantStored(t, <-slow, true)
				wantStored(t, <-beside, true)
				if got := <-probed; got.err == nil {
					t.Errorf("the probe was stored: %v", got.stored)
				}
			})
		})
	}
}

// TestOutageBehindShortDeadlines: that a store does not answer counts also where whoever waited for it has been answered
// by the time that connecting is given up.
func TestOutageBehindShortDeadlines(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline, config.OutageGrace = 3*time.Second, 2*time.Second // and 8 s to connect
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Silence(true)
		wantNotStored(t, <-p.submit(10, "a"), event.ReasonExpired)
		time.Sleep(8 * time.Second)
		probe := p.submit(10, "b")
		refused := <-p.submit(10, "c")
		wantNotStored(t, refused, event.ReasonUnavailable)
		if refused.after != 0 {
			t.Errorf("refused after %s, want at once", refused.after)
		}
		wantNotStored(t, <-probe, event.ReasonExpired)
		if s := p.Stats(); s.FailedAttempts != 1 {
			t.Errorf("%d attempts failed, want 1", s.FailedAttempts)
		}
		p.fake.Silence(false)
		time.Sleep(8 * time.Second)
		wantStored(t, <-p.submit(10, "d"), true)
	})
}
