package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

// TestSizing: what failed is halved, and grows again: at once where it is short, else after one slow batch, then three.
func TestSizing(t *testing.T) {
	t.Parallel()
	s := sizing{most: 800, limit: 800}
	var got []int64
	failed := func(bytes int64) { s.tooLarge(bytes); got = append(got, s.most) }
	stored := func(bytes int64, slow bool) { s.stored(bytes, slow); got = append(got, s.most) }

	failed(700)
	stored(100, true) // which is much less than it may be
	stored(350, true)
	failed(700)
	for range 4 {
		stored(350, true)
	}
	failed(600)
	stored(300, false)
	stored(600, false)
	if diff := cmp.Diff([]int64{350, 350, 701, 350, 350, 350, 701, 800, 300, 601, 800}, got); diff != "" {
		t.Error(diff)
	}
	for range 100 {
		s.tooLarge(1)
	}
	for range mostPatience {
		s.stored(1, true)
	}
	if s.most != 1 {
		t.Errorf("%d bytes, want patience to have an end, and no batch to be too small to grow", s.most)
	}
}

// writing is a store that takes so long for each event, and that gives up after half of an attempt, as the writer does.
type writing struct {
	*storetest.Fake
	each  atomic.Int64
	limit time.Duration
}

func (s *writing) Merge(ctx context.Context, b event.Batch, sent func()) ([]bool, error) {
	took := time.Duration(0)
	for _, g := range b.Groups {
		took += time.Duration(int64(len(g.Events)) * s.each.Load())
	}
	time.Sleep(min(took, s.limit))
	if took >= s.limit {
		return nil, &event.NotStoredError{Reason: event.ReasonUnavailable, Err: errors.New("no answer")}
	}
	return s.Fake.Merge(ctx, b, sent)
}

// TestBatchesThatAreTooLarge for the time of an attempt become smaller, until they are stored, and most of what the store can
// take is. They become large again once the store is fast.
func TestBatchesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := testConfig() // 8 s for an attempt, 10 events and 1,000 bytes in a batch
		config.OutageGrace = 2 * time.Second
		store := &writing{Fake: storetest.NewFake(), limit: config.AttemptTimeout / 2}
		store.each.Store(int64(time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		p := running{Pipeline: New(config, store, nil, zap.NewNop()), stop: cancel, left: make(chan Left, 1)}
		go func() { p.left <- p.Run(ctx) }()

		var slow []chan outcome
		for n := range 120 { // twice as many as it can take
			slow = append(slow, p.submit(100, fmt.Sprint(n)))
			time.Sleep(time.Second / 2)
		}
		stored := 0
		for _, o := range slow {
			if got := <-o; got.err == nil {
				stored++
			}
		}
		t.Logf("%d of 60 stored", stored)
		if stored < 40 {
			t.Errorf("%d requests were stored in a minute, want most of 60", stored)
		}

		store.each.Store(int64(time.Millisecond))
		for n := range 100 {
			o := p.submit(100, fmt.Sprint("fast ", n))
			defer func() { wantStored(t, <-o, true) }()
		}
		time.Sleep(time.Minute)
		if sizes := store.Batches(); slices.Max(sizes) != config.BatchEvents {
			t.Errorf("batches of %v once the store is fast, want some of %d", sizes, config.BatchEvents)
		}
		cancel()
		<-p.left
	})
}

// TestABatchThatIsTooLarge is itself tried in parts: its requests need not wait for their deadline.
func TestABatchThatIsTooLarge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := testConfig()
		config.Deadline, config.OutageGrace = 10*time.Minute, time.Minute
		store := &writing{Fake: storetest.NewFake(), limit: config.AttemptTimeout / 2} // 4 s
		store.each.Store(int64(time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		p := running{Pipeline: New(config, store, nil, zap.NewNop()), stop: cancel, left: make(chan Left, 1)}
		go func() { p.left <- p.Run(ctx) }()

		first := p.submit(100, "first") // what follows gathers
		var together []chan outcome
		for n := range 8 {
			together = append(together, p.submit(100, fmt.Sprint(n)))
		}
		wantStored(t, <-first, true)
		begun := time.Now()
		for _, o := range together {
			wantStored(t, <-o, true)
		}
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("8 requests that the store can write in 8 s took %s", took)
		}
		cancel()
		<-p.left
	})
}
