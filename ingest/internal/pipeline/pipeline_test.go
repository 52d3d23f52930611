package pipeline

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
)

// TestEveryRequestIsAnsweredOnce throws everything at once at a pipeline: each
// Submit returns, and nothing contradicts the store.
func TestEveryRequestIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	config := testConfig()
	config.Deadline, config.QueueEvents = 2*time.Second, 20
	inBubble(t, config, func(t *testing.T, p running) {
		for i := range 400 {
			switch i % 7 {
			case 1:
				p.fake.Next(unavailable())
			case 3:
				p.fake.Next(storetest.Step{Lose: true})
			case 5:
				p.fake.Next(storetest.Step{Before: 300 * time.Millisecond, After: 400 * time.Millisecond})
			default:
				p.fake.Next(storetest.Step{After: time.Millisecond})
			}
		}
		var clients sync.WaitGroup
		var mu sync.Mutex
		firsts, refused := map[string]int{}, map[string]bool{}
		for c := range 40 {
			clients.Go(func() {
				for i := range 25 {
					id := fmt.Sprint((c*7 + i*13) % 300)
					stored, err := p.Submit(storetest.Group(storetest.Event(id)), 10)
					mu.Lock()
					var notStored *event.NotStoredError
					switch {
					case err == nil && stored[0]:
						firsts[id]++
					case errors.As(err, &notStored):
						refused[id] = true
					}
					mu.Unlock()
					time.Sleep(time.Duration(c) * time.Millisecond)
				}
			})
		}
		clients.Wait()
		rows := p.fake.Rows()
		for id, n := range firsts {
			if _, there := rows[storetest.Key{ID: id, Topic: "t"}]; n != 1 || !there {
				t.Errorf("%s: told stored %d times, in the store: %v", id, n, there)
			}
		}
		if len(firsts) == 0 || len(refused) == 0 {
			t.Errorf("the test met nothing: %d stored, %d refused", len(firsts), len(refused))
		}
	})
}
