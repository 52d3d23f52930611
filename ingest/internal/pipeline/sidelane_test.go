package pipeline

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

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
		synctest.Wait() // what was answered counts until its committer is done with it
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
