package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

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
