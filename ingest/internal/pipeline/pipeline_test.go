package pipeline

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

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testConfig is small, so that every bound can be met.
func testConfig() Config {
	return Config{
		QueueEvents: 100, QueueBytes: 10_000, BatchEvents: 10, BatchBytes: 1_000,
		Deadline: 10 * time.Second, AttemptTimeout: 8 * time.Second,
		OutageGrace: 30 * time.Second, RetryBase: 50 * time.Millisecond, RetryMax: time.Second, DrainTimeout: 20 * time.Second, SplitsPerSecond: 100,
	}
}

// running is a pipeline on a fake store in a bubble of fake time.
type running struct {
	*Pipeline
	fake *storetest.Fake
	stop func()
	left chan Left
}

// inBubble runs a test in fake time with a running pipeline, and stops it.
func inBubble(t *testing.T, config Config, test func(t *testing.T, p running)) {
	t.Helper()
	inBubbleWith(t, config, nil, test)
}

func inBubbleWith(t *testing.T, config Config, filter Filter, test func(t *testing.T, p running)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		fake := storetest.NewFake()
		ctx, cancel := context.WithCancel(t.Context())
		p := running{Pipeline: New(config, fake, filter, zap.NewNop()), fake: fake, stop: cancel, left: make(chan Left, 1)}
		go func() { p.left <- p.Run(ctx) }()
		test(t, p)
		cancel()
		<-p.left
	})
}

// outcome is what one Submit returned, and after how long.
type outcome struct {
	stored []bool
	err    error
	after  time.Duration
}

// submit starts a request of n bytes and returns where its outcome will be.
func (p running) submit(bytes int64, ids ...string) chan outcome {
	var events []event.Event
	for _, id := range ids {
		events = append(events, storetest.Event(id))
	}
	return p.submitGroup(bytes, storetest.Group(events...))
}

func (p running) submitGroup(bytes int64, g event.Group) chan outcome {
	done := make(chan outcome, 1)
	start := time.Now()
	go func() {
		stored, err := p.Submit(g, bytes)
		done <- outcome{stored, err, time.Since(start)}
	}()
	synctest.Wait() // it is queued, or under way, or refused
	return done
}

func wantStored(t *testing.T, got outcome, stored ...bool) {
	t.Helper()
	if got.err != nil || !cmp.Equal(got.stored, stored) {
		t.Fatalf("got %v %v, want %v", got.stored, got.err, stored)
	}
}

func wantNotStored(t *testing.T, got outcome, reason event.Reason) {
	t.Helper()
	var notStored *event.NotStoredError
	if !errors.As(got.err, &notStored) || notStored.Reason != reason {
		t.Fatalf("got %v %v, want not stored: %s", got.stored, got.err, reason)
	}
}

func wantUnknown(t *testing.T, got outcome) {
	t.Helper()
	var unknown *event.UnknownError
	if !errors.As(got.err, &unknown) {
		t.Fatalf("got %v %v, want unknown", got.stored, got.err)
	}
}

// wantBadData wants that and no doubt beside: whoever answers the client looks for a doubt first.
func wantBadData(t *testing.T, got outcome) {
	t.Helper()
	var badData *event.BadDataError
	var unknown *event.UnknownError
	if !errors.As(got.err, &badData) || errors.As(got.err, &unknown) {
		t.Fatalf("got %v %v, want bad data", got.stored, got.err)
	}
}

// unavailable is a failure that is certainly not a commit.
func unavailable() storetest.Step {
	return storetest.Step{Fail: &event.NotStoredError{Reason: event.ReasonUnavailable, Err: errors.New("no database")}}
}

func TestEachEventGetsItsFate(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		wantStored(t, <-p.submit(10, "a", "b"), true, true)
		wantStored(t, <-p.submit(10, "b", "c", "c"), false, true, false)
		if stored, err := p.Submit(event.Group{}, 0); len(stored) != 0 || err != nil {
			t.Fatalf("an empty group: %v %v", stored, err)
		}
		if n := p.fake.Calls(); n != 2 {
			t.Errorf("%d batches: one of no events looks like a void row in the log", n)
		}
	})
}

// TestBatchGrowsWhileBusy: what comes in during a commit goes out together, in
// order, up to the bounds of a batch, and no request is split.
func TestBatchGrowsWhileBusy(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: time.Second})
		first := p.submit(10, "first")
		var rest []chan outcome
		for i := range 6 {
			rest = append(rest, p.submit(10, fmt.Sprint(i, "x"), fmt.Sprint(i, "y"), fmt.Sprint(i, "z")))
		}
		heavy := p.submit(2_000, "heavy") // over BatchBytes: alone
		last := p.submit(10, "last")
		wantStored(t, <-first, true)
		for _, r := range rest {
			wantStored(t, <-r, true, true, true)
		}
		wantStored(t, <-heavy, true)
		wantStored(t, <-last, true)
		if diff := cmp.Diff([]int{1, 3, 3, 1, 1}, p.fake.Batches()); diff != "" {
			t.Fatalf("requests per batch: %s", diff)
		}
		synctest.Wait()
		if s := p.Stats(); s.Batches != 5 || s.CommitsSent != 5 || s.LastBatch != 1 || s.FailedBatches != 0 {
			t.Errorf("want five batches, the last of one event: %+v", s)
		}
	})
}

// TestABatchIsFull at either of its bounds, and not before.
func TestABatchIsFull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		bytes        int64
		events, full int // of a request; requests of a full batch
	}{
		"events": {10, 2, 5},
		"bytes":  {250, 1, 4},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, testConfig(), func(t *testing.T, p running) {
				p.fake.Next(storetest.Step{After: time.Second})
				first := p.submit(10, "first")
				var rest []chan outcome
				for range c.full + 1 {
					rest = append(rest, p.submit(c.bytes, slices.Repeat([]string{"same"}, c.events)...))
				}
				wantStored(t, <-first, true)
				for _, r := range rest {
					if got := <-r; got.err != nil {
						t.Errorf("got %v", got.err)
					}
				}
				if diff := cmp.Diff([]int{1, c.full, 1}, p.fake.Batches()); diff != "" {
					t.Errorf("requests per batch: %s", diff)
				}
			})
		})
	}
}

// TestFullQueueRefusesAtOnce what is over either bound, and takes what just fits.
func TestFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		each, over, fits int64
		ids              []string // of the one that is over
	}{
		"events": {10, 1, 1, []string{"over", "over the bound"}},
		"bytes":  {300, 101, 100, []string{"over"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, testConfig(), func(t *testing.T, p running) {
				p.fake.Next(storetest.Step{After: time.Second})
				var accepted []chan outcome
				for i := range 33 {
					accepted = append(accepted, p.submit(c.each, fmt.Sprint(i, "a"), fmt.Sprint(i, "b"), fmt.Sprint(i, "c")))
				}
				for range 2 {
					refused := <-p.submit(c.over, c.ids...)
					wantNotStored(t, refused, event.ReasonQueueFull)
					if refused.after != 0 {
						t.Errorf("refused after %s, want at once", refused.after)
					}
				}
				fits := p.submit(c.fits, "fits")
				for _, a := range accepted {
					wantStored(t, <-a, true, true, true)
				}
				wantStored(t, <-fits, true)
				synctest.Wait()
				wantStored(t, <-p.submit(c.over, "over"), true) // there is room again
				synctest.Wait()
				if s := p.Stats(); s.QueuedEvents != 0 || s.QueuedBytes != 0 || s.Refused != 2*int64(len(c.ids)) {
					t.Errorf("room is not given back, or %d events were not refused: %+v", 2*len(c.ids), s)
				}
			})
		})
	}
}

// TestAWakeUpIsKept for a committer that is about to wait, and only one is.
func TestAWakeUpIsKept(t *testing.T) {
	t.Parallel()
	p := New(testConfig(), storetest.NewFake(), nil, zap.NewNop()) // and no Run to take it
	p.notify()
	p.notify()
	if n := len(p.wake); n != 1 {
		t.Errorf("%d are kept", n)
	}
}

// TestTheQueueKeepsNobodyAlive who has left it, keeps the others in order, and has an array that does not wander off.
func TestTheQueueKeepsNobodyAlive(t *testing.T) {
	t.Parallel()
	for n := range 6 {
		var queue []*request
		for i := range int64(5) {
			queue = append(queue, &request{bytes: i})
		}
		array := queue[:cap(queue)]
		left := dropFront(queue, n)
		var got []int64
		for _, r := range left {
			got = append(got, r.bytes)
		}
		if want := []int64{0, 1, 2, 3, 4}[n:]; !slices.Equal(got, want) {
			t.Errorf("%d of 5 gone: left are %v, want %v", n, got, want)
		}
		kept := 0
		for _, r := range array {
			if r != nil {
				kept++
			}
		}
		if kept != len(left) {
			t.Errorf("%d of 5 gone: the array keeps %d alive", n, kept)
		}
		if again := cap(left) == cap(queue); again != (n >= 3 || n == 0) {
			t.Errorf("%d of 5 gone: the whole array is used again: %v", n, again)
		}
	}
}

// TestARequestIsLetGo when its waiter and its flight are done with it, whichever is later, and keeps no body alive then.
func TestARequestIsLetGo(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.AttemptTimeout = time.Minute
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: 30 * time.Second})
		told := p.submit(10, "a")
		p.mu.Lock()
		r := p.flights[0].batch[0]
		p.mu.Unlock()
		wantUnknown(t, <-told)
		synctest.Wait()
		if n := r.holders.Load(); n != 1 {
			t.Errorf("%d hold it, want its flight alone", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if r.group.Events != nil {
			t.Error("nobody has it any more, and it keeps a body alive")
		}
	})
}

func TestRetriesWhatIsCertainlyNotStored(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(unavailable(), unavailable(), unavailable(), unavailable())
		got := <-p.submit(10, "a")
		wantStored(t, got, true)
		if all := (1 + 2 + 4 + 8) * 50 * time.Millisecond; got.after < all/2 || got.after > all {
			t.Errorf("four pauses took %s, want half of %s to all of it", got.after, all)
		}
		if p.fake.Calls() != 5 {
			t.Errorf("%d attempts, want 5", p.fake.Calls())
		}
	})
}

// TestJitter lies between half of the pause and all of it, either included.
func TestJitter(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 1000 {
		seen[jitter(4)] = true
	}
	if diff := cmp.Diff(map[time.Duration]bool{2: true, 3: true, 4: true}, seen); diff != "" {
		t.Error(diff)
	}
}

// TestTheLogTells of each attempt that failed and of each batch that is halved.
func TestTheLogTells(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		core, told := observer.New(zap.WarnLevel)
		p.log = zap.New(core)
		p.fake.Next(unavailable(), unavailable(), storetest.Step{After: time.Second})
		first := p.submit(10, "first")
		poisoned := storetest.Event("poisoned")
		poisoned.Source = storetest.Poison
		good, bad := p.submit(10, "a"), p.submitGroup(10, storetest.Group(poisoned))
		wantStored(t, <-first, true)
		wantStored(t, <-good, true)
		wantBadData(t, <-bad)
		failed := told.FilterMessage("attempt failed, nothing of it is stored").Len()
		halved := told.FilterMessage("a request keeps its batch from being stored, halving the batch").Len()
		if failed != 2 || halved != 1 {
			t.Errorf("the log was told of %d failed attempts and %d halved batches, want 2 and 1", failed, halved)
		}
	})
}

// TestDeadlineBetweenAttempts: with the database gone, a request is told at its
// deadline that it is not stored, and no attempt is made for nobody.
func TestDeadlineBetweenAttempts(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		for range 100 {
			p.fake.Next(unavailable())
		}
		inBatch := p.submit(10, "a")
		queued := p.submit(10, "b")
		for _, r := range []chan outcome{inBatch, queued} {
			got := <-r
			wantNotStored(t, got, event.ReasonExpired)
			if got.after < 10*time.Second || got.after > 11*time.Second {
				t.Errorf("answered after %s", got.after)
			}
		}
		calls := p.fake.Calls()
		time.Sleep(time.Minute)
		if more := p.fake.Calls() - calls; more > 1 {
			t.Errorf("%d attempts after everybody had left", more)
		}
		if rows := p.fake.Rows(); len(rows) != 0 {
			t.Errorf("stored although told that it is not: %v", rows)
		}
	})
}

// TestOutage: once the store has failed for a while, requests are refused at once,
// but for one at a time that tries it; the first success ends that.
func TestOutage(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.OutageGrace, config.RetryBase = 2*time.Second, config.RetryMax // so that 20 tries last
	inBubble(t, config, func(t *testing.T, p running) {
		for range 20 {
			p.fake.Next(unavailable())
		}
		trying := p.submit(10, "a")
		early := p.submit(10, "b")
		time.Sleep(3 * time.Second)
		refused := <-p.submit(10, "c", "cc")
		wantNotStored(t, refused, event.ReasonUnavailable)
		if refused.after != 0 {
			t.Errorf("refused after %s, want at once", refused.after)
		}
		wantNotStored(t, <-trying, event.ReasonExpired)
		wantNotStored(t, <-early, event.ReasonExpired)
		synctest.Wait()
		time.Sleep(2 * time.Second) // the committer sees that its batch has left
		probe := p.submit(10, "d")
		wantNotStored(t, <-p.submit(10, "e"), event.ReasonUnavailable)
		wantStored(t, <-probe, true)
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

// TestDeadlineWhileConnecting: nothing is under way to a store that does not answer, so
// nobody is told that the outcome is not known.
func TestDeadlineWhileConnecting(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Silence(true)
		got := <-p.submit(10, "a")
		wantNotStored(t, got, event.ReasonExpired)
		if got.after < 10*time.Second || got.after > 11*time.Second {
			t.Errorf("answered after %s", got.after)
		}
		time.Sleep(time.Minute)
		p.fake.Silence(false)
		wantStored(t, <-p.submit(10, "b"), true)
		if rows := p.fake.Rows(); len(rows) != 1 {
			t.Errorf("rows %v, want b alone", rows)
		}
	})
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

// TestDeadlineDuringAnAttempt: nobody can say whether the attempt will commit. The
// one queued behind it is certainly not stored.
func TestDeadlineDuringAnAttempt(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.AttemptTimeout = time.Minute
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: 30 * time.Second})
		attempted := p.submit(10, "a")
		queued := p.submit(10, "b")
		got := <-attempted
		wantUnknown(t, got)
		if got.after < 10*time.Second || got.after > 11*time.Second || !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("answered after %s: %v", got.after, got.err)
		}
		wantNotStored(t, <-queued, event.ReasonExpired)
		time.Sleep(time.Minute)
		if rows := p.fake.Rows(); len(rows) != 1 {
			t.Errorf("rows %v, want a alone: b was told that it is not stored", rows)
		}
		wantStored(t, <-p.submit(10, "a"), false)
	})
}

// TestDeadlinesBehindALongAttempt: whatever keeps the committers, all are answered in time,
// who is queued and who waits in the side lane as well.
func TestDeadlinesBehindALongAttempt(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.AttemptTimeout = time.Minute
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Hold("held")
		parked := p.submit(10, "held")
		time.Sleep(520 * time.Millisecond) // it was tried, and waits
		p.fake.Next(storetest.Step{After: 30 * time.Second})
		attempted := p.submit(10, "a")
		queued := p.submit(10, "b")
		for name, r := range map[string]chan outcome{"parked": parked, "attempted": attempted, "queued": queued} {
			got := <-r
			if got.after < config.Deadline || got.after > config.Deadline+2*reaperGrain {
				t.Errorf("%s: answered after %s", name, got.after)
			}
			if name == "attempted" {
				wantUnknown(t, got)
				continue
			}
			wantNotStored(t, got, event.ReasonExpired)
		}
		time.Sleep(time.Minute)
		if s := p.Stats(); s.Expired != 3 || s.QueuedEvents != 0 || s.QueuedBytes != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestNoAttemptThatWouldEndTooLate: a request that has come so far up the queue that an
// attempt would end after its deadline is refused, not tried and told that nobody knows.
func TestNoAttemptThatWouldEndTooLate(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.BatchEvents = 1
	inBubble(t, config, func(t *testing.T, p running) {
		var all []chan outcome
		for i := range 20 {
			p.fake.Next(storetest.Step{After: 900 * time.Millisecond})
			all = append(all, p.submit(10, fmt.Sprint(i)))
		}
		for i, r := range all {
			got := <-r
			if i < 11 { // the eleventh commit ends after 9.9 s
				wantStored(t, got, true)
				continue
			}
			wantNotStored(t, got, event.ReasonExpired)
			if got.after > 10*time.Second {
				t.Errorf("answered after %s", got.after)
			}
		}
		if rows := p.fake.Rows(); len(rows) != 11 {
			t.Errorf("%d rows, want 11", len(rows))
		}
		wantStored(t, <-p.submit(10, "later"), true)
	})
}

// TestNoTryThatWouldEndTooLate: nor is one tried again then.
func TestNoTryThatWouldEndTooLate(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: 4 * time.Second})
		wantStored(t, <-p.submit(10, "a"), true)
		for range 20 {
			p.fake.Next(unavailable())
		}
		got := <-p.submit(10, "b")
		wantNotStored(t, got, event.ReasonExpired)
		if got.after < 6*time.Second || got.after > 7*time.Second {
			t.Errorf("answered after %s, want 6 s: a commit takes 4 of 10", got.after)
		}
		synctest.Wait()
		if s := p.Stats(); s.Expired != 1 || s.FailedAttempts != int64(p.fake.Calls()-1) {
			t.Errorf("%d requests expired and %d attempts of %d failed, want 1 and all but a's", s.Expired, s.FailedAttempts, p.fake.Calls())
		}
	})
}

// TestWhatACommitTakes is the longest of late, and half of a deadline at most.
func TestWhatACommitTakes(t *testing.T) {
	t.Parallel()
	p := New(testConfig(), storetest.NewFake(), nil, zap.NewNop())
	for _, c := range []struct{ took, want time.Duration }{
		{time.Second, time.Second},
		{100 * time.Millisecond, 900 * time.Millisecond},
		{0, 810 * time.Millisecond},
		{2 * time.Second, 2 * time.Second},
		{time.Minute, 5 * time.Second},
	} {
		if p.tookLocked(c.took); p.commitTime != c.want {
			t.Errorf("after one of %s: %s, want %s", c.took, p.commitTime, c.want)
		}
	}
}

// TestSlowCommitsDoNotRefuseForEver: one commit took longer than anybody may wait; who
// comes afterwards is tried all the same.
func TestSlowCommitsDoNotRefuseForEver(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.AttemptTimeout = time.Minute
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: 30 * time.Second})
		wantUnknown(t, <-p.submit(10, "a"))
		time.Sleep(time.Minute)
		for i := range 3 {
			wantStored(t, <-p.submit(10, fmt.Sprint(i)), true)
		}
	})
}

func TestLostCommitIsUnknown(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{Lose: true})
		wantUnknown(t, <-p.submit(10, "a"))
		if p.fake.Calls() != 1 {
			t.Errorf("an unknown outcome was tried again: %d calls", p.fake.Calls())
		}
		wantStored(t, <-p.submit(10, "a"), false)
		if n := p.Stats().FailedBatches; n != 1 {
			t.Errorf("%d batches were told an error, want 1", n)
		}
		p.stop()
		left := <-p.left
		if left != (Left{}) {
			t.Errorf("left over: %+v: who was told before the stop is not", left)
		}
		p.left <- left
	})
}

// TestErrorsWithoutAFateAreUnknown: a store that breaks its contract is not trusted, and the log is told what it said.
func TestErrorsWithoutAFateAreUnknown(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		something := errors.New("something")
		p.fake.Next(storetest.Step{Fail: something})
		got := <-p.submit(10, "a")
		wantUnknown(t, got)
		if !errors.Is(got.err, something) {
			t.Errorf("got %v, without its cause", got.err)
		}
	})
}

// TestBadDataHurtsOnlyItsRequest: the batch is halved until the culprit is alone.
func TestBadDataHurtsOnlyItsRequest(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: time.Second})
		first := p.submit(10, "first")
		var good []chan outcome
		for i := range 3 {
			good = append(good, p.submit(10, fmt.Sprint(i)))
		}
		poisoned := storetest.Event("poisoned")
		poisoned.Source = storetest.Poison
		bad := p.submitGroup(10, storetest.Group(storetest.Event("beside"), poisoned))
		for i := range 3 {
			good = append(good, p.submit(10, fmt.Sprint(i+3)))
		}
		wantStored(t, <-first, true)
		for _, g := range good {
			wantStored(t, <-g, true)
		}
		wantBadData(t, <-bad)
		if rows := p.fake.Rows(); len(rows) != 7 {
			t.Errorf("%d rows, want the 7 good ones", len(rows))
		}
		if s := p.Stats(); s.DecoderMisses != 1 || s.Splits != 3 {
			t.Errorf("%d decoder misses and %d splits, want 1 and 3: %+v", s.DecoderMisses, s.Splits, s)
		}
	})
}

// TestConstraintRefusals are counted apart: the decoder is not to blame for them.
func TestConstraintRefusals(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		refused := &event.BadDataError{Err: errors.New("new row violates"), By: "the constraint c"}
		p.fake.Next(storetest.Step{Fail: refused})
		if got := <-p.submit(10, "a"); !errors.Is(got.err, refused) {
			t.Errorf("got %v %v, want %v", got.stored, got.err, refused)
		}
		if s := p.Stats(); s.ConstraintRefusals != 1 || s.DecoderMisses != 0 {
			t.Errorf("%d refused by constraints, %d missed by the decoder, want 1 and 0", s.ConstraintRefusals, s.DecoderMisses)
		}
	})
}

// TestDeadlineOfTheOtherHalf: while a half of a batch is tried, nothing is under way of the
// other: at its deadline it is certainly not stored.
func TestDeadlineOfTheOtherHalf(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.AttemptTimeout = time.Minute
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: time.Second})
		first := p.submit(10, "first")
		poisoned := storetest.Event("poisoned")
		poisoned.Source = storetest.Poison
		tried, waiting, bad := p.submit(10, "a"), p.submit(10, "b"), p.submitGroup(10, storetest.Group(poisoned))
		p.fake.Next(storetest.Step{}, storetest.Step{After: 30 * time.Second})
		wantStored(t, <-first, true)
		wantUnknown(t, <-tried)
		wantNotStored(t, <-waiting, event.ReasonExpired)
		wantNotStored(t, <-bad, event.ReasonExpired)
		time.Sleep(time.Minute)
		if rows := p.fake.Rows(); len(rows) != 2 {
			t.Errorf("rows %v, want the first and a: the others were told that they are not stored", rows)
		}
	})
}

// TestDeadlineBeforeAHalfIsTried: nor is anything under way of either half before there is a connection for the first.
func TestDeadlineBeforeAHalfIsTried(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline = 5 * time.Second
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: time.Second}, storetest.Step{Before: time.Second})
		first := p.submit(10, "first")
		poisoned := storetest.Event("poisoned")
		poisoned.Source = storetest.Poison
		good, bad := p.submit(10, "a"), p.submitGroup(10, storetest.Group(poisoned))
		wantStored(t, <-first, true)
		synctest.Wait()
		p.fake.Silence(true)
		wantNotStored(t, <-good, event.ReasonExpired)
		wantNotStored(t, <-bad, event.ReasonExpired)
		if n := p.Stats().Splits; n != 1 {
			t.Errorf("%d batches halved, want 1", n)
		}
	})
}

// TestPoisonDoesNotTakeTheCommitter: with poison in every batch only so many are
// halved at once. The other halves wait, everybody gets the answer that is due in
// time, and those who come meanwhile are not held up.
func TestPoisonDoesNotTakeTheCommitter(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.SplitsPerSecond, config.QueueEvents, config.BatchEvents, config.Deadline = 5, 10_000, 64, time.Minute
	inBubble(t, config, func(t *testing.T, p running) {
		var good, bad []chan outcome
		for round := range 10 {
			p.fake.Next(storetest.Step{After: 100 * time.Millisecond})
			good = append(good, p.submit(10, fmt.Sprint("first ", round)))
			poisoned := storetest.Event("poisoned")
			poisoned.Source = storetest.Poison
			for i := range 60 {
				good = append(good, p.submit(10, fmt.Sprint(round, " ", i)))
				if i%15 == 0 {
					bad = append(bad, p.submitGroup(10, storetest.Group(poisoned)))
				}
			}
			time.Sleep(200 * time.Millisecond)
			if beside := <-p.submit(10, fmt.Sprint("beside ", round)); beside.err != nil || beside.after > 0 {
				t.Errorf("held up for %s: %v", beside.after, beside.err)
			}
		}
		// In two seconds: five at the start, ten more, and 20 a second of the side lane.
		if n := p.Stats().Splits; n > 5+10+2*20 {
			t.Errorf("%d batches halved in two seconds", n)
		}
		for _, b := range bad {
			wantBadData(t, <-b)
		}
		for _, g := range good {
			wantStored(t, <-g, true)
		}
		synctest.Wait()
		if s := p.Stats(); s.QueuedEvents != 0 || s.QueuedBytes != 0 || s.DecoderMisses != 40 {
			t.Errorf("%+v", s)
		}
	})
}

// TestSplitsPerSecond: so many batches may be halved at once, and as many a second.
func TestSplitsPerSecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := testConfig()
		config.SplitsPerSecond = 4
		p := New(config, storetest.NewFake(), nil, zap.NewNop())
		for _, c := range []struct {
			wait time.Duration
			want int
		}{{0, 4}, {125 * time.Millisecond, 0}, {125 * time.Millisecond, 1}, {500 * time.Millisecond, 2}, {time.Hour, 4}} {
			time.Sleep(c.wait)
			n := 0
			for n < 10 && p.maySplitLocked() {
				n++
			}
			if n != c.want {
				t.Errorf("%s later %d may be halved, want %d", c.wait, n, c.want)
			}
		}
	})
}

// TestHeldKeyHurtsOnlyItsRequest: it waits in the side lane while the others go on,
// and is stored once it gets through.
func TestHeldKeyHurtsOnlyItsRequest(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Hold("held")
		p.fake.Next(storetest.Step{After: time.Second})
		first := p.submit(10, "first")
		var good []chan outcome
		for i := range 3 {
			good = append(good, p.submit(10, fmt.Sprint(i)))
		}
		held := p.submit(10, "beside", "held")
		for i := range 3 {
			good = append(good, p.submit(10, fmt.Sprint(i+3)))
		}
		wantStored(t, <-first, true)
		for _, g := range good {
			got := <-g
			wantStored(t, got, true)
			if got.after > 1600*time.Millisecond { // a second behind the first, and one wait for the key that is not brief
				t.Errorf("held up for %s", got.after)
			}
		}
		wantStored(t, <-p.submit(10, "later"), true)
		if s := p.Stats(); s.QueuedEvents != 2 || s.QueuedBytes != 10 || s.Parked == 0 {
			t.Errorf("%+v", s)
		}
		time.Sleep(2 * time.Second)
		p.fake.Hold("")
		wantStored(t, <-held, true, true)
		time.Sleep(time.Second)
		if s := p.Stats(); s.QueuedEvents != 0 || s.QueuedBytes != 0 {
			t.Errorf("room is not given back: %+v", s)
		}
	})
}

// TestHeldKeyExpires: certainly not stored, whenever the key is let go.
func TestHeldKeyExpires(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Hold("held")
		wantNotStored(t, <-p.submit(10, "held"), event.ReasonExpired)
		p.fake.Hold("")
		time.Sleep(time.Minute)
		if rows := p.fake.Rows(); len(rows) != 0 {
			t.Errorf("%v", rows)
		}
		if s := p.Stats(); s.QueuedEvents != 0 || s.QueuedBytes != 0 || s.Parked != int64(p.fake.Calls()) {
			t.Errorf("room is not given back, or it was not parked after each of %d tries: %+v", p.fake.Calls(), s)
		}
	})
}

// TestHeldKeyOfNobody: whoever was told at the deadline, while the key was waited for, is not parked, and expires once.
func TestHeldKeyOfNobody(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.AttemptTimeout, config.SplitsPerSecond = time.Minute, 0 // both halves would be parked
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Hold("held")
		p.fake.Next(storetest.Step{After: time.Second}, storetest.Step{Before: 12 * time.Second})
		first := p.submit(10, "first")
		held, beside := p.submit(10, "held"), p.submit(10, "beside")
		wantStored(t, <-first, true)
		wantUnknown(t, <-held)
		wantUnknown(t, <-beside)
		time.Sleep(time.Minute)
		if s := p.Stats(); s.Expired != 2 || s.QueuedEvents != 0 || s.QueuedBytes != 0 || p.fake.Calls() != 2 {
			t.Errorf("%d attempts: %+v", p.fake.Calls(), s)
		}
	})
}

// TestDrainWithAHeldKey: the stop waits for it as long as it may, then refuses it.
func TestDrainWithAHeldKey(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline, config.DrainTimeout = time.Hour, 5*time.Second
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Hold("held")
		held := p.submit(10, "held")
		time.Sleep(time.Second) // it was tried, and waits
		start := time.Now()
		p.stop()
		left := <-p.left
		if took := time.Since(start); left != (Left{Refused: 1}) || took < 5*time.Second || took > 6*time.Second {
			t.Errorf("left over after %s: %+v, want 1 refused after 5 s", took, left)
		}
		wantNotStored(t, <-held, event.ReasonDraining)
		p.left <- left
	})
}

// TestDrainStoresAHeldKey that is let go in time.
func TestDrainStoresAHeldKey(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Hold("held")
		held := p.submit(10, "held")
		time.Sleep(time.Second) // it was tried, and waits
		p.stop()
		time.Sleep(time.Second)
		p.fake.Hold("")
		wantStored(t, <-held, true)
		left := <-p.left
		if left != (Left{}) {
			t.Errorf("left over: %+v", left)
		}
		p.left <- left
	})
}

func TestDrainCommitsWhatWasAccepted(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: time.Second}, unavailable())
		var accepted []chan outcome
		for i := range 30 {
			accepted = append(accepted, p.submit(10, fmt.Sprint(i)))
		}
		p.stop()
		synctest.Wait()
		wantNotStored(t, <-p.submit(10, "late"), event.ReasonDraining)
		for _, a := range accepted {
			wantStored(t, <-a, true)
		}
		left := <-p.left
		if left != (Left{}) {
			t.Errorf("left over: %+v", left)
		}
		p.left <- left
	})
}

func TestDrainEndsInTime(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline, config.DrainTimeout = time.Hour, 5*time.Second
	inBubble(t, config, func(t *testing.T, p running) {
		for range 1000 {
			p.fake.Next(unavailable())
		}
		inBatch := p.submit(10, "a", "b")
		queued := p.submit(10, "c", "d")
		start := time.Now()
		p.stop()
		left := <-p.left
		if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("drained for %s", took)
		}
		if left != (Left{Refused: 4}) {
			t.Errorf("left over: %+v, want 4 refused", left)
		}
		refused := <-inBatch
		wantNotStored(t, refused, event.ReasonDraining)
		if !strings.Contains(refused.err.Error(), "no database") {
			t.Errorf("got %v, without what kept it", refused.err)
		}
		wantNotStored(t, <-queued, event.ReasonDraining)
		p.left <- left
	})
}

// TestDrainDuringAnAttempt: a COMMIT that does not come back is unknown, not refused.
func TestDrainDuringAnAttempt(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline, config.AttemptTimeout, config.DrainTimeout = time.Hour, time.Hour, 5*time.Second
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Next(ahead(time.Hour), ahead(time.Hour))
		first, second := p.submit(10, "a", "b"), p.submit(10, "c", "d")
		p.stop()
		wantUnknown(t, <-first)
		wantUnknown(t, <-second)
		left := <-p.left
		if left != (Left{Unknown: 4}) {
			t.Errorf("left over: %+v, want 4 unknown", left)
		}
		p.left <- left
	})
}

// TestEveryRequestIsAnsweredOnce throws everything at once at a pipeline: each
// Submit returns, and nothing contradicts the store.
func TestEveryRequestIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline, config.QueueEvents = 2*time.Second, 20
	inBubble(t, config, func(t *testing.T, p running) {
		for i := range 400 {
			switch i % 7 {
			case 1:
				p.fake.Next(unavailable())
			case 3:
				p.fake.Next(storetest.Step{Lose: true})
			case 5:
				p.fake.Next(storetest.Step{Before: 300 * time.Millisecond, After: 400 * time.Millisecond})
			default:
				p.fake.Next(storetest.Step{After: time.Millisecond})
			}
		}
		var clients sync.WaitGroup
		var mu sync.Mutex
		firsts, refused := map[string]int{}, map[string]bool{}
		for c := range 40 {
			clients.Go(func() {
				for i := range 25 {
					id := fmt.Sprint((c*7 + i*13) % 300)
					stored, err := p.Submit(storetest.Group(storetest.Event(id)), 10)
					mu.Lock()
					var notStored *event.NotStoredError
					switch {
					case err == nil && stored[0]:
						firsts[id]++
					case errors.As(err, &notStored):
						refused[id] = true
					}
					mu.Unlock()
					time.Sleep(time.Duration(c) * time.Millisecond)
				}
			})
		}
		clients.Wait()
		rows := p.fake.Rows()
		for id, n := range firsts {
			if _, there := rows[storetest.Key{ID: id, Topic: "t"}]; n != 1 || !there {
				t.Errorf("%s: told stored %d times, in the store: %v", id, n, there)
			}
		}
		if len(firsts) == 0 || len(refused) == 0 {
			t.Errorf("the test met nothing: %d stored, %d refused", len(firsts), len(refused))
		}
	})
}
