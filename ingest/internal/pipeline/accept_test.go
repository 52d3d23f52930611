package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

// TestFullQueueRefusesAtOnce what is over either bound, and takes what just fits.
func TestFullQueueRefusesAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		each, over, fits int64
		ids              []string // of the one that is over
	}{
		"events": {10, 1, 1, []string{"over", "over the bound"}},
		"bytes":  {300, 101, 100, []string{"over"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, testConfig(), func(t *testing.T, p running) {
				p.fake.Next(storetest.Step{After: time.Second})
				var accepted []chan outcome
				for i := range 33 {
					accepted = append(accepted, p.submit(c.each, fmt.Sprint(i, "a"), fmt.Sprint(i, "b"), fmt.Sprint(i, "c")))
				}
				for range 2 {
					refused := <-p.submit(c.over, c.ids...)
					wantNotStored(t, refused, event.ReasonQueueFull)
					if setting := "(--queue-" + name + ")"; !strings.Contains(refused.err.Error(), setting) {
						t.Errorf("%v: %s is not named", refused.err, setting)
					}
					if refused.after != 0 {
						t.Errorf("refused after %s, want at once", refused.after)
					}
				}
				fits := p.submit(c.fits, "fits")
				for _, a := range accepted {
					wantStored(t, <-a, true, true, true)
				}
				wantStored(t, <-fits, true)
				synctest.Wait()
				wantStored(t, <-p.submit(c.over, "over"), true) // there is room again
				synctest.Wait()
				if s := p.Stats(); s.QueuedEvents != 0 || s.QueuedBytes != 0 || s.Refused != 2*int64(len(c.ids)) {
					t.Errorf("room is not given back, or %d events were not refused: %+v", 2*len(c.ids), s)
				}
			})
		})
	}
}

// TestAWakeUpIsKept for a committer that is about to wait, and only one is.
func TestAWakeUpIsKept(t *testing.T) {
	t.Parallel()
	p := New(testConfig(), storetest.NewFake(), nil, zap.NewNop()) // and no Run to take it
	p.notify()
	p.notify()
	if n := len(p.wake); n != 1 {
		t.Errorf("%d are kept", n)
	}
}

// TestTheQueueKeepsNobodyAlive who has left it, keeps the others in order, and has an array that does not wander off.
func TestTheQueueKeepsNobodyAlive(t *testing.T) {
	t.Parallel()
	for n := range 6 {
		var queue []*request
		for i := range int64(5) {
			queue = append(queue, &request{load: load{bytes: i}})
		}
		array := queue[:cap(queue)]
		left := dropFront(queue, n)
		var got []int64
		for _, r := range left {
			got = append(got, r.bytes)
		}
		if want := []int64{0, 1, 2, 3, 4}[n:]; !slices.Equal(got, want) {
			t.Errorf("%d of 5 gone: left are %v, want %v", n, got, want)
		}
		kept := 0
		for _, r := range array {
			if r != nil {
				kept++
			}
		}
		if kept != len(left) {
			t.Errorf("%d of 5 gone: the array keeps %d alive", n, kept)
		}
		if again := cap(left) == cap(queue); again != (n >= 3 || n == 0) {
			t.Errorf("%d of 5 gone: the whole array is used again: %v", n, again)
		}
	}
}

// TestARequestIsLetGo when its waiter and its flight are done with it, whichever is later, and keeps no body alive then.
func TestARequestIsLetGo(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.AttemptTimeout = time.Minute
	inBubble(t, config, func(t *testing.T, p running) {
		p.fake.Next(storetest.Step{After: 30 * time.Second})
		told := p.submit(10, "a")
		p.mu.Lock()
		r := p.flights[0].batch[0]
		p.mu.Unlock()
		wantUnknown(t, <-told)
		synctest.Wait()
		if n := r.holders.Load(); n != 1 {
			t.Errorf("%d hold it, want its flight alone", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if r.group.Events != nil {
			t.Error("nobody has it any more, and it keeps a body alive")
		}
	})
}
