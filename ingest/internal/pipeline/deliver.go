package pipeline

import (
	"slices"
	"time"

	"ingot/internal/event"
)

// deliverStored hands each request its part of a committed batch's results.
func (p *Pipeline) deliverStored(f *flight, live []*request, stored []bool) {
	crowded := p.store.Crowded()
	p.mu.Lock()
	defer p.mu.Unlock()
	f.attempted = nil
	p.worksLocked()
	took := time.Since(f.begun)
	p.tookLocked(took)
	p.storedLocked(live, took)
	p.awaitLocked(crowded, len(stored), took)
	p.stats.Batches++
	p.stats.LastBatch = len(stored)
	for _, r := range live {
		p.answerLocked(r, answer{stored: stored[:r.events:r.events]})
		stored = stored[r.events:]
	}
}

// deliverError answers every request of a batch with the same error.
func (p *Pipeline) deliverError(f *flight, live []*request, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.attempted = nil
	p.stats.FailedBatches++
	for _, r := range live {
		p.answerLocked(r, answer{err: err})
	}
}

// giveUp refuses requests that are certainly not stored when the time for draining is over.
func (p *Pipeline) giveUp(f *flight, live []*request, err error) {
	p.deliverError(f, live, &event.NotStoredError{Reason: event.ReasonDraining, Err: err})
	p.leave(live, &p.left.Refused)
}

// leave counts the events of requests that were left over when the time for draining was over.
func (p *Pipeline) leave(live []*request, as *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*as += loadOf(live).events
}

// answerLocked fills the slot of a request that was not answered yet.
func (p *Pipeline) answerLocked(r *request, a answer) {
	if r.answered {
		return
	}
	r.answered = true
	r.slot <- a
}

// refuseRest refuses the requests that are still queued or parked when the committers have ended. It returns how
// many events were left over in all.
func (p *Pipeline) refuseRest() Left {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.left
	for _, r := range slices.Concat(append(p.side, p.queue)...) {
		left.Refused += r.events
		p.dropLocked(r, &event.NotStoredError{Reason: event.ReasonDraining})
	}
	p.queue, p.side = nil, nil
	return left
}
