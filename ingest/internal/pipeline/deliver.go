package pipeline

import (
	"context"
	"slices"
	"time"

	"ingot/internal/event"
)

// deliverStored hands each request its part of a committed batch's results.
func (p *Pipeline) deliverStored(f *flight, live []*request, stored []bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.attempted = nil
	p.downSince = time.Time{}
	p.tookLocked(time.Since(f.begun))
	p.stats.Batches++
	p.stats.LastBatch = len(stored)
	for _, r := range live {
		n := len(r.group.Events)
		p.answerLocked(r, answer{stored: stored[:n:n]})
		stored = stored[n:]
	}
}

// deliverError tells each request of a batch the same.
func (p *Pipeline) deliverError(f *flight, live []*request, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.attempted = nil
	p.stats.FailedBatches++
	for _, r := range live {
		p.answerLocked(r, answer{err: err})
	}
}

// giveUp refuses a batch for which there is no time left.
func (p *Pipeline) giveUp(f *flight, live []*request, err error) {
	p.deliverError(f, live, &event.NotStoredError{Reason: event.ReasonDraining, Err: err})
	p.leave(live, &p.left.Refused)
}

// leave counts the events of a batch that was left over when the time was up.
func (p *Pipeline) leave(live []*request, as *int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range live {
		*as += len(r.group.Events)
	}
}

// answerLocked fills the slot of a request that was not answered yet.
func (p *Pipeline) answerLocked(r *request, a answer) {
	if r.answered {
		return
	}
	r.answered = true
	r.slot <- a
}

// reap answers requests whose deadline has passed, until ctx ends.
func (p *Pipeline) reap(ctx context.Context) {
	ticker := time.NewTicker(reaperGrain)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			p.expire(now)
		case <-ctx.Done():
			return
		}
	}
}

// expire answers what is due at now.
func (p *Pipeline) expire(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireQueueLocked(now)
	p.expireSideLocked(now)
	for _, f := range p.flights {
		p.expireFlightLocked(f.attempted, now, &event.UnknownError{Err: context.DeadlineExceeded})
		p.expireFlightLocked(f.batch, now, &event.NotStoredError{Reason: event.ReasonExpired})
	}
}

// expireFlightLocked answers what is due of the requests of a flight. Those that an attempt is
// under way with come first: to the others nothing can happen meanwhile.
func (p *Pipeline) expireFlightLocked(requests []*request, now time.Time, err error) {
	for _, r := range requests {
		if !r.answered && !r.deadline.After(now) {
			p.stats.Expired++
			p.answerLocked(r, answer{err: err})
		}
	}
}

// expireQueueLocked refuses what is due at that time. All requests have the same time
// to live and the queue is in order of arrival, so only its head can be due.
func (p *Pipeline) expireQueueLocked(at time.Time) {
	n := 0
	for ; n < len(p.queue) && !p.queue[n].deadline.After(at); n++ {
		p.queued -= len(p.queue[n].group.Events)
		p.dropLocked(p.queue[n], event.ReasonExpired)
		p.stats.Expired++
	}
	if n > 0 {
		p.queue = dropFront(p.queue, n)
	}
}

// horizonLocked is the earliest deadline that an attempt begun now is likely to meet.
// With less time a request would most likely be stored and told that nobody knows
// (504); refused now, it is certainly not stored (503) and leaves its place to one
// that can still be answered.
func (p *Pipeline) horizonLocked() time.Time { return time.Now().Add(p.commitTime) }

// tookLocked learns from a commit how long one takes: the longest of late, forgotten
// by a tenth with each commit. It is at most half of the deadline: however long commits
// take, a request that has just come is tried.
func (p *Pipeline) tookLocked(took time.Duration) {
	p.commitTime = min(max(took, p.commitTime*9/10), p.config.Deadline/2)
}

// refuseRest answers what is still queued when the work is over, and returns what was
// left over in all.
func (p *Pipeline) refuseRest() Left {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.left
	for _, r := range slices.Concat(append(p.side, p.queue)...) {
		left.Refused += len(r.group.Events)
		p.dropLocked(r, event.ReasonDraining)
	}
	p.queue, p.side = nil, nil
	return left
}
