package pipeline

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

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
