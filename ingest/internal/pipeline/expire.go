package pipeline

import (
	"context"
	"time"

	"ingot/internal/event"
)

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

// expire answers the requests whose deadline has passed at now: unknown if an attempt is under way with them,
// otherwise not stored.
func (p *Pipeline) expire(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireQueueLocked(now)
	p.expireSideLocked(now)
	for _, f := range p.flights {
		p.expireFlightLocked(f.attempted, now, &event.UnknownError{Err: p.late})
		p.expireFlightLocked(f.batch, now, p.expired())
	}
}

// expired is the answer to a request that is in no attempt.
func (p *Pipeline) expired() error {
	return &event.NotStoredError{Reason: event.ReasonExpired, Err: p.late}
}

// expireFlightLocked answers, with err, those of a flight's requests whose deadline has passed. expire passes it
// the requests of the attempt under way first, and then the whole batch: what is not answered by then is in no
// attempt, so certainly not stored.
func (p *Pipeline) expireFlightLocked(requests []*request, now time.Time, err error) {
	for _, r := range requests {
		if !r.answered && !r.deadline.After(now) {
			p.stats.Expired++
			p.answerLocked(r, answer{err: err})
		}
	}
}

// expireQueueLocked refuses the queued requests whose deadline has passed at that time. All requests have the same
// time to live and the queue is in order of arrival, so these requests are at its head.
func (p *Pipeline) expireQueueLocked(at time.Time) {
	n := 0
	for ; n < len(p.queue) && !p.queue[n].deadline.After(at); n++ {
		p.queued.sub(p.queue[n].load)
		p.dropLocked(p.queue[n], p.expired())
		p.stats.Expired++
	}
	if n > 0 {
		p.queue = dropFront(p.queue, n)
	}
}

// horizonLocked is the earliest deadline that an attempt begun now is likely to meet. A request with less time left
// would most likely be stored, but be told that nobody knows (504). If it is refused now, it is certainly not stored
// (503), and leaves its place to a request that can still be answered.
func (p *Pipeline) horizonLocked() time.Time { return time.Now().Add(p.commitTime) }

// tookLocked learns from a commit how long commits take. commitTime is the longest of the latest commits: it shrinks by
// a tenth with each. It is at most half of the deadline, so that a request that has just come is tried however long
// commits take.
func (p *Pipeline) tookLocked(took time.Duration) {
	p.commitTime = min(max(took, p.commitTime*9/10), p.config.Deadline/2)
}
