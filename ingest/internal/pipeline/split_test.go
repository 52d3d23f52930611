package pipeline

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

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
