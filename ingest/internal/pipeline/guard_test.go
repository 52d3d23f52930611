package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
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

// TestPanicIsNotSwallowed: after a mistake in a committer nobody knows what is
// stored. Nothing answers its waiters: the process ends, and with it their connections.
func TestPanicIsNotSwallowed(t *testing.T) {
	t.Parallel()
	const child = "INGOT_TEST_PANIC"
	if os.Getenv(child) != "" {
		p := New(testConfig(), panicking{storetest.NewFake()}, nil, zap.NewNop())
		go p.Run(context.Background())
		_, err := p.Submit(storetest.Group(storetest.Event("a")), 10)
		fmt.Println("the waiter was told", err)
		return
	}
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestPanicIsNotSwallowed$") //nolint:gosec // this test
	again.Env = append(os.Environ(), child+"=1")
	said, err := again.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !bytes.Contains(said, []byte("panic: a mistake")) || bytes.Contains(said, []byte("the waiter was told")) {
		t.Errorf("the process ended with %v and said\n%s", err, said)
	}
}

// remembering is a filter that is never wrong about what it was told.
type remembering map[string]bool

func (f remembering) Suspect(e *event.Event) bool { return f[e.ID] }
func (f remembering) Add(e *event.Event)          { f[e.ID] = true }

// TestFilterLearnsWhatIsCommitted, and nothing before while the store takes one batch
// at a time: a try that failed leaves no suspicion for the next.
func TestFilterLearnsWhatIsCommitted(t *testing.T) {
	t.Parallel()
	filter := remembering{}
	inBubbleWith(t, testConfig(), filter, func(t *testing.T, p running) {
		p.fake.Next(unavailable(), unavailable())
		wantStored(t, <-p.submit(10, "a"), true)
		p.fake.Next(storetest.Step{Lose: true})
		wantUnknown(t, <-p.submit(10, "lost"))
		if !filter["a"] || filter["lost"] {
			t.Errorf("the filter knows %v", filter)
		}
		wantStored(t, <-p.submit(10, "a", "b", "c", "lost"), false, true, true, false)
		synctest.Wait() // the filter learns after the answers
		if s := p.Stats(); s.FilterHits != 1 || s.FilterFalsePositives != 0 || s.FilterMissedDuplicates != 1 || s.FilterLearntInVain != 0 {
			t.Errorf("want a hit for a, lost missed, and nothing learnt in vain: %+v", s)
		}
		if !filter["b"] || !filter["lost"] {
			t.Errorf("the filter knows %v", filter)
		}
	})
}
