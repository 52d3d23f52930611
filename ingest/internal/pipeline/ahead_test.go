package pipeline

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

// ahead is a batch whose answer takes that long, while the store takes the next.
func ahead(after time.Duration) storetest.Step { return storetest.Step{After: after, Ahead: true} }

// TestNextIsSentWhileAnAnswerIsAwaited, but only one.
func TestNextIsSentWhileAnAnswerIsAwaited(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(ahead(time.Second), ahead(2*time.Second), ahead(time.Second))
		first, second, third := p.submit(10, "a"), p.submit(10, "b"), p.submit(10, "c")
		if n := p.fake.Calls(); n != 2 {
			t.Fatalf("%d batches under way, want 2", n)
		}
		for i, w := range []struct {
			outcome chan outcome
			after   time.Duration
		}{{first, time.Second}, {second, 2 * time.Second}, {third, 2 * time.Second}} {
			o := <-w.outcome
			wantStored(t, o, true)
			if o.after != w.after {
				t.Errorf("request %d was answered after %v, want %v", i, o.after, w.after)
			}
		}
	})
}

// TestNextWaitsForAStoreThatTakesOneAtATime: without Ahead what comes in gathers.
func TestNextWaitsForAStoreThatTakesOneAtATime(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: time.Second})
		first, second, third := p.submit(10, "a"), p.submit(10, "b"), p.submit(10, "c")
		wantStored(t, <-first, true)
		wantStored(t, <-second, true)
		wantStored(t, <-third, true)
		if diff := cmp.Diff([]int{1, 2}, p.fake.Batches()); diff != "" {
			t.Fatalf("requests per batch: %s", diff)
		}
	})
}

// TestNextIsWorthIt: what is sent ahead is as large as the batch before.
func TestNextIsWorthIt(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: time.Second}, ahead(time.Second))
		first := p.submit(10, "first")
		one, other := p.submit(10, "a", "b", "c"), p.submit(10, "d") // a batch, behind the first
		wantStored(t, <-first, true)
		synctest.Wait()
		small := p.submit(10, "e", "f", "g")
		if n := p.fake.Calls(); n != 2 {
			t.Fatalf("three events went behind four: %d batches", n)
		}
		more := p.submit(10, "h")
		if n := p.fake.Calls(); n != 3 {
			t.Fatalf("four events behind four wait: %d batches", n)
		}
		wantStored(t, <-one, true, true, true)
		wantStored(t, <-other, true)
		wantStored(t, <-small, true, true, true)
		wantStored(t, <-more, true)
	})
}

// TestNextIsSentAtOnce when what is worth it is queued already.
func TestNextIsSentAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{Before: time.Second, After: time.Second, Ahead: true})
		first, second := p.submit(10, "a"), p.submit(10, "b")
		o := <-second
		wantStored(t, o, true)
		if o.after != time.Second {
			t.Errorf("answered after %v", o.after)
		}
		wantStored(t, <-first, true)
	})
}

// TestLargerThanABatch: what is sent behind a request that is larger than a batch need not
// be as large.
func TestLargerThanABatch(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(ahead(time.Second))
		var ids [15]string
		for i := range ids {
			ids[i] = fmt.Sprint("large ", i)
		}
		large, full := p.submit(10, ids[:]...), p.submit(10, "0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
		if n := p.fake.Calls(); n != 2 {
			t.Errorf("a full batch waits: %d batches", n)
		}
		<-large
		<-full
	})
}

// TestExpiredIsNotWorthIt: what has left the queue does not count.
func TestExpiredIsNotWorthIt(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.AttemptTimeout, config.Deadline = time.Minute, 10*time.Second
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: 12 * time.Second}, ahead(time.Second))
		p.submit(10, "a")
		expired := p.submit(10, "b", "c", "d")
		wantNotStored(t, <-expired, event.ReasonExpired)
		time.Sleep(3 * time.Second)
		first, small := p.submit(10, "e", "f", "g", "h"), p.submit(10, "i")
		if n := p.fake.Calls(); n != 2 {
			t.Errorf("one event went behind four: %d batches", n)
		}
		wantStored(t, <-first, true, true, true, true)
		wantStored(t, <-small, true)
	})
}

// TestWhoFailsIsAlone: while a batch that was sent is tried again no other begins, which
// would be got ready before it is known what the store takes.
func TestWhoFailsIsAlone(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{Ahead: true, Refuse: unavailable().Fail}, ahead(time.Second))
		first := p.submit(10, "a")
		time.Sleep(500 * time.Millisecond) // its second try is under way
		second := p.submit(10, "b")
		if n := p.fake.Calls(); n != 2 {
			t.Errorf("%d attempts, want two of the first", n)
		}
		wantStored(t, <-first, true)
		wantStored(t, <-second, true)
	})
}

// TestSideLaneWaitsForRoom: a parcel is tried when the last batch is on its way, as others.
func TestSideLaneWaitsForRoom(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Hold("held")
		held := p.submit(10, "held")
		time.Sleep(520 * time.Millisecond) // it was tried, and once more by the side lane
		p.fake.Next(storetest.Step{After: time.Second})
		beside, calls := p.submit(10, "a"), p.fake.Calls()
		time.Sleep(900 * time.Millisecond)
		if n := p.fake.Calls(); n != calls {
			t.Errorf("the side lane was tried %d times beside a batch that is not on its way", n-calls)
		}
		p.fake.Hold("")
		wantStored(t, <-beside, true)
		wantStored(t, <-held, true)
	})
}

// TestNothingComesBehindAParcel: it may well fail once more, and the filter is not told
// its keys before they are stored.
func TestNothingComesBehindAParcel(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Hold("held")
		held := p.submit(10, "held")
		time.Sleep(time.Millisecond)
		p.fake.Next(ahead(time.Second))
		p.fake.Hold("")
		calls := p.fake.Calls()
		time.Sleep(2 * sidePause)
		beside := p.submit(10, "a")
		time.Sleep(time.Second / 2)
		if n := p.fake.Calls(); n != calls+1 {
			t.Errorf("%d batches were written, not the parcel alone", n-calls)
		}
		wantStored(t, <-held, true)
		wantStored(t, <-beside, true)
	})
}

// TestNothingComesBehindSlowCommits: it would wait for both in the time of one attempt. Once commits are short again it does.
func TestNothingComesBehindSlowCommits(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		const slow = 2100 * time.Millisecond // of the 8 s that an attempt has
		p.fake.Next(ahead(slow), ahead(2*slow), ahead(slow))
		first, second, third := p.submit(10, "a"), p.submit(10, "b"), p.submit(10, "c")
		wantStored(t, <-first, true)
		synctest.Wait()
		if n := p.fake.Calls(); n != 2 {
			t.Errorf("%d batches, want the third to wait for the second", n)
		}
		wantStored(t, <-second, true)
		wantStored(t, <-third, true)

		for i := range 10 {
			wantStored(t, <-p.submit(10, fmt.Sprint(i)), true)
		}
		p.fake.Next(ahead(time.Second), ahead(time.Second))
		before := p.fake.Calls()
		one, other := p.submit(10, "d"), p.submit(10, "e")
		if n := p.fake.Calls() - before; n != 2 {
			t.Errorf("%d under way once commits are short, want 2", n)
		}
		wantStored(t, <-one, true)
		wantStored(t, <-other, true)
	})
}

// TestAnIdleStop takes no time: each committer tells the other.
func TestAnIdleStop(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		wantStored(t, <-p.submit(10, "a"), true)
		began := time.Now()
		p.stop()
		p.left <- <-p.left
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// TestKeysUnderWayAreSuspected by the batch behind; a batch that is tried again asks
// nobody.
func TestKeysUnderWayAreSuspected(t *testing.T) {
	t.Parallel()
	inBubbleWith(t, testConfig(), remembering{}, func(t *testing.T, p running) {
		p.fake.Next(ahead(time.Second), unavailable())
		first, second := p.submit(10, "a"), p.submit(10, "a", "b")
		wantStored(t, <-first, true)
		wantStored(t, <-second, false, true)
		if diff := cmp.Diff([][]bool{{false}, {true, false}, nil}, p.fake.Guesses()); diff != "" {
			t.Errorf("guesses: %s", diff)
		}
	})
}

// TestLearntInVain: the keys of a batch that was sent and failed stay with the filter. Who
// sends them again is suspected wrongly, and that many are told.
func TestLearntInVain(t *testing.T) {
	t.Parallel()
	inBubbleWith(t, testConfig(), remembering{}, func(t *testing.T, p running) {
		refused := storetest.Step{Ahead: true, Refuse: &event.BadDataError{Err: errors.New("poison")}}
		p.fake.Next(refused, refused)
		wantBadData(t, <-p.submit(10, "a", "b"))
		wantBadData(t, <-p.submit(10, "c"))
		p.fake.Next(ahead(0)) // not in vain
		wantStored(t, <-p.submit(10, "a", "b", "c"), true, true, true)
		synctest.Wait() // the guesses are counted after the answers
		if s := p.Stats(); s.FilterLearntInVain != 3 || s.FilterFalsePositives != 3 {
			t.Errorf("%d learnt in vain, %d suspected wrongly, want 3 and 3", s.FilterLearntInVain, s.FilterFalsePositives)
		}
	})
}

// TestDeadlineOfAllUnderWay: at the deadline of two batches that were sent nobody
// knows what became of either; one that is queued behind them is not stored.
func TestDeadlineOfAllUnderWay(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline, config.AttemptTimeout = time.Second, 30*time.Second
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Next(ahead(5*time.Second), ahead(5*time.Second))
		first, second, third := p.submit(10, "a"), p.submit(10, "b"), p.submit(10, "c")
		wantUnknown(t, <-first)
		wantUnknown(t, <-second)
		wantNotStored(t, <-third, event.ReasonExpired)
	})
}

// TestDeadlineAfterTheFirst was answered: the second still has one.
func TestDeadlineAfterTheFirst(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline, config.AttemptTimeout = 2*time.Second, 30*time.Second
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Next(ahead(time.Second), ahead(5*time.Second))
		first, second := p.submit(10, "a"), p.submit(10, "b")
		wantStored(t, <-first, true)
		o := <-second
		wantUnknown(t, o)
		if o.after > 3*time.Second {
			t.Errorf("answered after %v", o.after)
		}
	})
}

// TestStopWaitsForAllUnderWay and for what is queued behind.
func TestStopWaitsForAllUnderWay(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(ahead(time.Second), ahead(2*time.Second))
		first, second, third := p.submit(10, "a"), p.submit(10, "b"), p.submit(10, "c")
		p.stop()
		wantStored(t, <-first, true)
		wantStored(t, <-second, true)
		wantStored(t, <-third, true)
	})
}

// TestStopKeepsBothCommitters while anything is queued, also one that has to wait for the other.
func TestStopKeepsBothCommitters(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.BatchEvents = 1
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: time.Second}, ahead(time.Second), ahead(time.Second))
		first, second, third := p.submit(10, "a"), p.submit(10, "b"), p.submit(10, "c")
		p.stop()
		wantStored(t, <-first, true)
		wantStored(t, <-second, true)
		o := <-third
		wantStored(t, o, true)
		if o.after != 2*time.Second {
			t.Errorf("answered after %v: it went behind nobody", o.after)
		}
	})
}

// TestOneUnderWayFails: the other goes on, and the one that failed is tried again.
func TestOneUnderWayFails(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(ahead(time.Second), unavailable())
		first, second := p.submit(10, "a"), p.submit(10, "b")
		o := <-first
		wantStored(t, o, true)
		if o.after != time.Second {
			t.Errorf("answered after %v", o.after)
		}
		wantStored(t, <-second, true)
		if n := p.Stats().FailedAttempts; n != 1 {
			t.Errorf("%d failed attempts", n)
		}
	})
}

// TestOneUnderWayIsHalved: a batch that was sent and refused for one of its keys is
// halved, and the key waits in the side lane, while another batch was on its way. In the
// end all have an answer and nothing counts against the queue any more.
func TestOneUnderWayIsHalved(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline, config.AttemptTimeout = time.Minute, time.Minute
	inBubble(t, config, func(t *testing.T, p running) {
		held := &event.NotStoredError{Reason: event.ReasonKeyHeld}
		p.fake.Next(
			storetest.Step{After: time.Second}, // what follows gathers
			storetest.Step{After: time.Second, Ahead: true, Refuse: held},
			ahead(3*time.Second),
			storetest.Step{}, storetest.Step{}, // a half, and the one that is held
			storetest.Step{After: 5 * time.Second}, // its neighbour, while the side lane is due
		)
		outcomes := []chan outcome{p.submit(10, "first")}
		for _, id := range []string{"held", "a", "b", "c"} {
			outcomes = append(outcomes, p.submit(10, id))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		outcomes = append(outcomes, p.submit(10, "d", "e", "f", "g"))
		if n := p.fake.Calls(); n != 3 {
			t.Fatalf("%d batches, want the first and two under way", n)
		}
		p.fake.Hold("held")
		time.Sleep(4 * time.Second)
		p.fake.Hold("")
		for _, o := range outcomes {
			if got := <-o; got.err != nil {
				t.Errorf("got %v", got.err)
			}
		}
		synctest.Wait()
		time.Sleep(time.Second)
		if s := p.Stats(); s.QueuedEvents != 0 || s.QueuedBytes != 0 {
			t.Errorf("%d events, %d bytes are queued in the end", s.QueuedEvents, s.QueuedBytes)
		}
	})
}
