package pipeline

import (
	"context"
	"testing"
	"testing/synctest"

	"go.uber.org/zap"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

// panicking stores a batch and panics then.
type panicking struct{ *storetest.Fake }

func (s panicking) Merge(ctx context.Context, b event.Batch, sent func()) ([]bool, error) {
	_, _ = s.Fake.Merge(ctx, b, sent)
	panic("a mistake")
}

// TestPanicIsNotSwallowed: after a mistake in the committer nobody knows what is
// stored. Nothing answers its waiters: the process ends, and with it their connections.
func TestPanicIsNotSwallowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := storetest.NewFake()
		p := running{Pipeline: New(testConfig(), panicking{fake}, nil, zap.NewNop()), fake: fake}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan any, 1)
		go func() { // ends by the panic
			defer func() { ended <- recover() }()
			p.Run(ctx)
		}()
		waiter := p.submit(10, "a")
		synctest.Wait()
		select {
		case r := <-ended:
			if r != "a mistake" {
				t.Errorf("Run ended with %v", r)
			}
		default:
			t.Error("Run goes on")
		}
		select {
		case o := <-waiter:
			t.Errorf("the waiter was told %v, %v", o.stored, o.err)
		default:
			p.mu.Lock()
			p.answerLocked(p.batch[0], answer{}) // or the bubble cannot end
			p.mu.Unlock()
		}
		cancel()
	})
}

// remembering is a filter that is never wrong about what it was told.
type remembering map[string]bool

func (f remembering) Suspect(e *event.Event) bool { return f[e.ID] }
func (f remembering) Add(e *event.Event)          { f[e.ID] = true }

// TestFilterLearnsWhatIsCommitted, and nothing before: a try that failed leaves no
// suspicion for the next.
func TestFilterLearnsWhatIsCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, filter := storetest.NewFake(), remembering{}
		p := running{Pipeline: New(testConfig(), fake, filter, zap.NewNop()), fake: fake}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan Left, 1)
		go func() { done <- p.Run(ctx) }() // ends with ctx, awaited below
		fake.Next(unavailable(), unavailable())
		wantStored(t, <-p.submit(10, "a"), true)
		fake.Next(storetest.Step{Lose: true})
		wantUnknown(t, <-p.submit(10, "lost"))
		wantStored(t, <-p.submit(10, "a", "b"), false, true)
		cancel()
		<-done
		if s := p.Stats(); s.FilterHits != 1 || s.FilterFalsePositives != 0 {
			t.Errorf("%d hits, %d of them wrong; a's second coming is the one", s.FilterHits, s.FilterFalsePositives)
		}
		if !filter["a"] || !filter["b"] || filter["lost"] {
			t.Errorf("the filter knows %v", filter)
		}
	})
}
