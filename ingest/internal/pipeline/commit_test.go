package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"ingot/ingest/internal/storetest"
)

func TestRetriesWhatIsCertainlyNotStored(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(unavailable(), unavailable(), unavailable(), unavailable())
		got := <-p.submit(10, "a")
		wantStored(t, got, true)
		if all := (1 + 2 + 4 + 8) * 50 * time.Millisecond; got.after < all/2 || got.after > all {
			t.Errorf("four pauses took %s, want half of %s to all of it", got.after, all)
		}
		if p.fake.Calls() != 5 {
			t.Errorf("%d attempts, want 5", p.fake.Calls())
		}
	})
}

// TestJitter lies between half of the pause and all of it, either included.
func TestJitter(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for range 1000 {
		seen[jitter(4)] = true
	}
	if diff := cmp.Diff(map[time.Duration]bool{2: true, 3: true, 4: true}, seen); diff != "" {
		t.Error(diff)
	}
}

// TestTheLogTells of each attempt that failed and of each batch that is halved.
func TestTheLogTells(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		core, told := observer.New(zap.WarnLevel)
		p.log = zap.New(core)
		p.fake.Next(unavailable(), unavailable(), storetest.Step{After: time.Second})
		first := p.submit(10, "first")
		poisoned := storetest.Event("poisoned")
		poisoned.Source = storetest.Poison
		good, bad := p.submit(10, "a"), p.submitGroup(10, storetest.Group(poisoned))
		wantStored(t, <-first, true)
		wantStored(t, <-good, true)
		wantBadData(t, <-bad)
		failed := told.FilterMessage("attempt failed, nothing was stored").Len()
		halved := told.FilterMessage("a request keeps its batch from being stored, halving the batch").Len()
		if failed != 2 || halved != 1 {
			t.Errorf("the log was told of %d failed attempts and %d halved batches, want 2 and 1", failed, halved)
		}
	})
}

// TestTheLogNamesAttemptTimeout where a try took all of it, connecting or writing, and nowhere else: who has set it too short
// would look for a fault of the database.
func TestTheLogNamesAttemptTimeout(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.AttemptTimeout = 30 * time.Millisecond
	const named = "the time for it is 30ms (--attempt-timeout)"
	inBubble(t, config, func(t *testing.T, p running) {
		core, told := observer.New(zap.WarnLevel)
		p.log = zap.New(core)
		says := func(step string, want bool) {
			t.Helper()
			lines := told.TakeAll()
			if len(lines) == 0 {
				t.Errorf("%s: the log was told nothing", step)
			}
			for _, line := range lines {
				if err := fmt.Sprint(line.ContextMap()["error"]); strings.Contains(err, named) != want {
					t.Errorf("%s: %s", step, err)
				}
			}
		}
		p.fake.Next(storetest.Step{Before: 29 * time.Millisecond, Fail: unavailable().Fail}, storetest.Step{})
		wantStored(t, <-p.submit(10, "a"), true)
		says("an error that comes in time", false)
		p.fake.Next(storetest.Step{Before: 40 * time.Millisecond})
		wantStored(t, <-p.submit(10, "b"), true)
		says("a write that takes longer", true)
		p.fake.Silence(true)
		c := p.submit(10, "c")
		time.Sleep(50 * time.Millisecond)
		p.fake.Silence(false)
		wantStored(t, <-c, true)
		says("a connection that takes longer", true)
		p.fake.Next(storetest.Step{After: 40 * time.Millisecond})
		unknown := <-p.submit(10, "d")
		wantUnknown(t, unknown)
		if !strings.Contains(unknown.err.Error(), named) {
			t.Errorf("a COMMIT that takes longer: %v", unknown.err)
		}
	})
}

func TestLostCommitIsUnknown(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{Lose: true})
		wantUnknown(t, <-p.submit(10, "a"))
		if p.fake.Calls() != 1 {
			t.Errorf("an unknown outcome was tried again: %d calls", p.fake.Calls())
		}
		wantStored(t, <-p.submit(10, "a"), false)
		if n := p.Stats().FailedBatches; n != 1 {
			t.Errorf("%d batches were told an error, want 1", n)
		}
		p.stop()
		left := <-p.left
		if left != (Left{}) {
			t.Errorf("left over: %+v: who was told before the stop is not", left)
		}
		p.left <- left
	})
}

// TestErrorsWithoutAFateAreUnknown: a store that breaks its contract is not trusted, and the log is told what it said.
func TestErrorsWithoutAFateAreUnknown(t *testing.T) {
	t.Parallel()
	inBubble(t, testConfig(), func(t *testing.T, p running) {
		something := errors.New("something")
		p.fake.Next(storetest.Step{Fail: something})
		got := <-p.submit(10, "a")
		wantUnknown(t, got)
		if !errors.Is(got.err, something) {
			t.Errorf("got %v, without its cause", got.err)
		}
	})
}
