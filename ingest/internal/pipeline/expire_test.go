package pipeline

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

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
		wantDeadlineNamed(t, got)
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
