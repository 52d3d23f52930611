package pipeline

import (
	"time"

	"ingot/internal/event"
)

// The side lane holds requests that have a key which somebody else's transaction
// holds, for nobody knows how long. Everybody else goes on; between batches one of
// them is tried by itself, briefly, until it gets through or its deadline passes.

// sidePause is the time between two tries: with a brief wait of 10 ms for a key, the
// lane takes at most a sixth of the committer's time.
const sidePause = 50 * time.Millisecond

// park moves a request of the batch to the side lane; it still counts against the
// queue's bounds.
func (p *Pipeline) park(r *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.attempting = false
	p.downSince = time.Time{}
	p.stats.Parked++
	if !r.answered {
		r.parked = true
		p.side = append(p.side, r)
	}
}

// unpark takes the next request of the side lane, if it is time for a try.
func (p *Pipeline) unpark() *request {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.side) == 0 || time.Since(p.lastSide) < sidePause {
		return nil
	}
	p.lastSide = time.Now()
	r := p.side[0]
	p.side = dropFront(p.side, 1)
	r.parked = false
	p.batch = []*request{r}
	return r
}

// expireSideLocked answers parked requests whose deadline has passed: they are
// between attempts, so certainly not stored.
func (p *Pipeline) expireSideLocked(now time.Time) {
	kept := p.side[:0]
	for _, r := range p.side {
		if r.deadline.After(now) {
			kept = append(kept, r)
			continue
		}
		p.dropLocked(r, event.ReasonExpired)
		p.stats.Expired++
	}
	clear(p.side[len(kept):])
	p.side = kept
}

// dropLocked refuses a request that is in no batch, and gives its room back.
func (p *Pipeline) dropLocked(r *request, reason event.Reason) {
	p.events -= len(r.group.Events)
	p.bytes -= r.bytes
	p.answerLocked(r, answer{err: &event.NotStoredError{Reason: reason}})
}
