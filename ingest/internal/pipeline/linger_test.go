package pipeline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/ingest/internal/storetest"
)

// crowdedConfig lets a batch linger for so long.
func crowdedConfig(linger time.Duration) Config {
	config := testConfig()
	config.Linger = linger
	return config
}

// inCrowd runs a test on a store that is crowded, right after a batch of two requests that took a second was answered.
func inCrowd(t *testing.T, config Config, test func(t *testing.T, p running)) {
	t.Helper()
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Crowd(true)
		p.fake.Next(storetest.Step{After: time.Millisecond}, storetest.Step{After: time.Second})
		p.submit(10, "zero")
		one, two := p.submit(10, "one"), p.submit(10, "two")
		wantStored(t, <-one, true)
		wantStored(t, <-two, true)
		test(t, p)
	})
}

// TestLingers: a batch waits for those who were just answered, but no longer than it may.
func TestLingers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ linger, want time.Duration }{
		"a quarter of what the last took": {time.Hour, time.Second / 4},
		"no longer than it may":           {100 * time.Millisecond, 100 * time.Millisecond},
		"not at all":                      {0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inCrowd(t, crowdedConfig(c.linger), func(t *testing.T, p running) {
				first := p.submit(10, "a")
				o := <-first
				wantStored(t, o, true)
				if o.after != c.want {
					t.Errorf("answered after %v, want %v", o.after, c.want)
				}
				if got := p.Stats().Lingered; (got > 0) != (c.want > 0) {
					t.Errorf("%d batches lingered", got)
				}
			})
		})
	}
}

// TestLingersForThoseAnswered: when as many are back as were answered, the batch goes.
func TestLingersForThoseAnswered(t *testing.T) {
	t.Parallel()
	inCrowd(t, crowdedConfig(time.Hour), func(t *testing.T, p running) {
		first := p.submit(10, "a")
		time.Sleep(10 * time.Millisecond)
		second := p.submit(10, "b")
		o := <-first
		wantStored(t, o, true)
		wantStored(t, <-second, true)
		if o.after != 10*time.Millisecond {
			t.Errorf("answered after %v", o.after)
		}
		if diff := cmp.Diff([]int{1, 2, 2}, p.fake.Batches()); diff != "" {
			t.Errorf("requests per batch: %s", diff)
		}
	})
}

// TestLingersForThoseLeftBehind: what was queued when a batch was answered counts to what is waited for.
func TestLingersForThoseLeftBehind(t *testing.T) {
	t.Parallel()
	inBubble(t, crowdedConfig(time.Hour), func(t *testing.T, p running) {
		p.fake.Crowd(true)
		p.fake.Next(storetest.Step{After: time.Second})
		first, left := p.submit(10, "a"), p.submit(10, "b")
		wantStored(t, <-first, true)
		synctest.Wait()
		if n := p.fake.Calls(); n != 1 {
			t.Fatalf("it did not wait for who was just answered: %d batches", n)
		}
		back := p.submit(10, "c")
		wantStored(t, <-back, true)
		wantStored(t, <-left, true)
		if diff := cmp.Diff([]int{1, 2}, p.fake.Batches()); diff != "" {
			t.Errorf("requests per batch: %s", diff)
		}
	})
}

// TestLingerEnds: who comes later than that does not wait, nor who comes once a batch has begun without it.
func TestLingerEnds(t *testing.T) {
	t.Parallel()
	inCrowd(t, crowdedConfig(time.Hour), func(t *testing.T, p running) {
		time.Sleep(time.Second / 4)
		if o := <-p.submit(10, "a"); o.after != 0 {
			t.Errorf("answered after %v", o.after)
		}
	})
}

// TestLingersNoMore when others do not write most batches any more.
func TestLingersNoMore(t *testing.T) {
	t.Parallel()
	inCrowd(t, crowdedConfig(time.Hour), func(t *testing.T, p running) {
		p.fake.Crowd(false)
		first, second := p.submit(10, "a"), p.submit(10, "b")
		<-first
		<-second
		if o := <-p.submit(10, "c"); o.after != 0 {
			t.Errorf("answered after %v", o.after)
		}
	})
}

// TestFullBatchDoesNotLinger: more than fits into a batch is not waited for.
func TestFullBatchDoesNotLinger(t *testing.T) {
	t.Parallel()
	config := crowdedConfig(time.Hour)
	config.BatchEvents = 2
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Crowd(true)
		p.fake.Next(storetest.Step{After: time.Second})
		first, left, full := p.submit(10, "a"), p.submit(10, "b"), p.submit(10, "c")
		<-first
		<-left
		if o := <-full; o.after != time.Second {
			t.Errorf("answered after %v", o.after)
		}
	})
}

// TestDrainingDoesNotLinger: nobody comes back any more.
func TestDrainingDoesNotLinger(t *testing.T) {
	t.Parallel()
	inCrowd(t, crowdedConfig(time.Hour), func(t *testing.T, p running) {
		last := p.submit(10, "a")
		p.stop()
		if o := <-last; o.err != nil || o.after != 0 {
			t.Errorf("answered after %v: %v", o.after, o.err)
		}
	})
}

// TestLingersBesideTheSideLane: what is parked is tried more rarely than a batch lingers, and both are kept.
func TestLingersBesideTheSideLane(t *testing.T) {
	t.Parallel()
	const linger = sidePause * 3 / 5 // longer than a try of what is parked
	inBubble(t, crowdedConfig(linger), func(t *testing.T, p running) {
		p.fake.Crowd(true)
		p.fake.Hold("held")
		held := p.submit(10, "held")
		time.Sleep(time.Second + sidePause/2) // it is parked, and was tried a moment ago
		p.fake.Next(storetest.Step{After: time.Second})
		<-p.submit(10, "a", "a too")
		if o := <-p.submit(10, "b"); o.after != linger {
			t.Errorf("answered after %v", o.after)
		}
		p.fake.Hold("")
		wantStored(t, <-held, true)
	})
}

// TestCrowdedSendsOnlyFullBatchesAhead: a batch that could grow does not go behind another.
func TestCrowdedSendsOnlyFullBatchesAhead(t *testing.T) {
	t.Parallel()
	inCrowd(t, crowdedConfig(time.Hour), func(t *testing.T, p running) {
		p.fake.Next(ahead(time.Second))
		time.Sleep(time.Second) // the wait for who was answered is over
		calls := p.fake.Calls()
		first, second := p.submit(10, "a"), p.submit(10, "b", "c", "d")
		if n := p.fake.Calls() - calls; n != 1 {
			t.Fatalf("%d batches under way, want 1", n)
		}
		full := p.submit(10, "1", "2", "3", "4", "5", "6", "7")
		if n := p.fake.Calls() - calls; n != 2 {
			t.Fatalf("a full batch waits: %d under way", n)
		}
		<-first
		<-second
		<-full
	})
}

// TestBatchFullOfBytesDoesNotLinger: a batch is as large as it gets by its bytes as well.
func TestBatchFullOfBytesDoesNotLinger(t *testing.T) {
	t.Parallel()
	config := crowdedConfig(time.Hour)
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Crowd(true)
		p.fake.Next(storetest.Step{After: time.Second})
		large := config.BatchBytes / 2
		first, left, full := p.submit(large, "a"), p.submit(large, "b"), p.submit(large, "c")
		<-first
		<-left
		if o := <-full; o.after != time.Second {
			t.Errorf("answered after %v", o.after)
		}
		p.fake.Next(ahead(time.Second))
		time.Sleep(time.Second)
		one, two, three := p.submit(large, "d"), p.submit(large, "e"), p.submit(large, "f")
		if n := p.fake.Calls(); n != 4 {
			t.Errorf("a full batch does not go behind another: %d batches", n)
		}
		<-one
		<-two
		<-three
	})
}

// TestLingersWithinTheDeadline: the time of who comes then does not run out.
func TestLingersWithinTheDeadline(t *testing.T) {
	t.Parallel()
	config := crowdedConfig(time.Hour)
	config.Deadline = 300 * time.Millisecond
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Crowd(true)
		p.fake.Next(storetest.Step{After: 4 * time.Second})
		<-p.submit(10, "slow", "too")
		time.Sleep(4*time.Second - 280*time.Millisecond)
		synctest.Wait()
		wantStored(t, <-p.submit(10, "a"), true)
	})
}
