package pipeline

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

// slow is a filter that is never wrong about what it was told, takes its time, and knows
// whether somebody else uses it meanwhile.
type slow struct {
	known  remembering
	adds   atomic.Int64
	inUse  atomic.Bool
	shared atomic.Bool
}

func (f *slow) use() func() {
	if f.inUse.Swap(true) {
		f.shared.Store(true)
	}
	time.Sleep(time.Millisecond)
	return func() { f.inUse.Store(false) }
}

func (f *slow) Suspect(e *event.Event) bool { defer f.use()(); return f.known.Suspect(e) }

func (f *slow) Add(e *event.Event) {
	defer f.use()()
	f.adds.Add(1)
	f.known.Add(e)
}

// TestOneAtATimeUsesTheFilter: what is queued while a batch is sent suspects its keys, and
// each key is learnt once, but for one that was suspected, of a batch that was sent and of one that was not, that failed
// and that did not.
func TestOneAtATimeUsesTheFilter(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]storetest.Step{
		"sent":        {Before: time.Second, After: time.Second, Ahead: true},
		"not sent":    {Before: time.Second},
		"sent, fails": {Before: time.Second, After: 500 * time.Millisecond, Ahead: true, Refuse: unavailable().Fail},
	} {
		t.Run(name, func(t *testing.T) {
			filter := &slow{known: remembering{}}
			inBubbleWith(t, testConfig(), filter, func(t *testing.T, p running) {
				p.fake.Next(first, ahead(time.Second))
				outcomes := []chan outcome{p.submit(10, "a"), p.submit(10, "a")}
				for i := range 5 {
					time.Sleep(300 * time.Millisecond)
					outcomes = append(outcomes, p.submit(10, fmt.Sprint(i)))
				}
				for _, o := range outcomes {
					if got := <-o; got.err != nil {
						t.Errorf("got %v", got.err)
					}
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if filter.shared.Load() {
					t.Error("two committers use the filter at a time")
				}
				if n := filter.adds.Load(); n != 6 {
					t.Errorf("%d keys learnt of 7 events, one of them suspected; want 6", n)
				}
				if guesses := p.fake.Guesses(); guesses[0][0] || !guesses[1][0] {
					t.Errorf("a is suspected at first: %v, at its second coming: %v", guesses[0][0], guesses[1][0])
				}
			})
		})
	}
}

// TestGuessesAreCounted by what became of their events.
func TestGuessesAreCounted(t *testing.T) {
	t.Parallel()
	p := New(testConfig(), storetest.NewFake(), nil, zap.NewNop())
	for range 2 {
		p.count([]bool{true, true, true, true, false, false, false}, []bool{false, true, false, false, false, true, false})
	}
	if s := p.Stats(); s.FilterHits != 8 || s.FilterFalsePositives != 2 || s.FilterMissedDuplicates != 4 {
		t.Errorf("%+v", s)
	}
}
