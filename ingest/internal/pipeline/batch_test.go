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
		last := p.submit(10, "last", "of all")
		wantStored(t, <-first, true)
		for _, r := range rest {
			wantStored(t, <-r, true, true, true)
		}
		wantStored(t, <-heavy, true)
		wantStored(t, <-last, true, true)
		if diff := cmp.Diff([]int{1, 3, 3, 1, 1}, p.fake.Batches()); diff != "" {
			t.Fatalf("requests per batch: %s", diff)
		}
		synctest.Wait()
		if s := p.Stats(); s.Batches != 5 || s.CommitsSent != 5 || s.LastBatch != 2 || s.FailedBatches != 0 {
			t.Errorf("want five batches, the last of two events: %+v", s)
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

// TestSmallOvertakesLarge: a single event need not wait for a batch of each large request before it, which lose no turn
// by that. What comes along is little: an eighth of a batch's bounds.
func TestSmallOvertakesLarge(t *testing.T) {
	t.Parallel()
	many := slices.Repeat([]string{"same"}, 80)
	for name, c := range map[string]struct {
		submit func(p running) []chan outcome // behind a batch under way
		want   []int                          // requests per batch after that one
	}{
		"events": {func(p running) []chan outcome {
			return append(p.times(3, 10, many), p.times(12, 10, []string{"small"})...)
		}, []int{1 + 10, 1 + 2, 1}},
		"bytes": {func(p running) []chan outcome {
			return append(p.times(3, 800, []string{"large"}), p.times(3, 60, []string{"small"})...)
		}, []int{1 + 2, 1 + 1, 1}},
		"behind a small one": {func(p running) []chan outcome {
			return slices.Concat(p.times(1, 10, many), p.times(3, 10, []string{"small", "too"}), p.times(1, 10, many), p.times(1, 10, []string{"small"}))
		}, []int{1, 3 + 1, 1}},
		"as many as the store takes": {func(p running) []chan outcome {
			return append(p.times(2, 10, slices.Repeat([]string{"same"}, 118)), p.times(5, 10, []string{"small"})...)
		}, []int{1 + 2, 1, 3}},
		"not small": {func(p running) []chan outcome {
			return append(p.times(2, 10, many), p.times(1, 10, many[:11])...)
		}, []int{1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			config := testConfig()
			config.BatchEvents, config.MostEvents, config.QueueEvents = 80, 120, 1000
			inBubble(t, config, func(t *testing.T, p running) {
				p.fake.Next(storetest.Step{After: time.Second})
				all := append(p.times(1, 10, []string{"first"}), c.submit(p)...)
				for _, r := range all {
					if got := <-r; got.err != nil {
						t.Errorf("got %v", got.err)
					}
				}
				if diff := cmp.Diff(append([]int{1}, c.want...), p.fake.Batches()); diff != "" {
					t.Errorf("requests per batch: %s", diff)
				}
				synctest.Wait()
				if s := p.Stats(); s.QueuedEvents != 0 || s.QueuedBytes != 0 || p.queued != (load{}) {
					t.Errorf("nothing is queued any more: %+v, %+v", s, p.queued)
				}
			})
		})
	}
}

// times submits so many requests, one after the other.
func (p running) times(n int, bytes int64, ids []string) (all []chan outcome) {
	for range n {
		all = append(all, p.submit(bytes, ids...))
	}
	return all
}
