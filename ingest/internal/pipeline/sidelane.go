package pipeline

import (
	"slices"
	"time"

	"ingot/internal/event"
)

// The side lane holds parcels: requests to be tried together, by themselves, later.
// A parcel is either one request that has a key which somebody else's transaction
// holds, for nobody knows how long; or a half of a batch that had to be halved when
// so many had been halved lately that it has to wait. Everybody else goes on; between
// batches one parcel is tried, briefly, until it gets through or its deadlines pass.

// sidePause is the time between two tries: with a brief wait of 10 ms for a key, the
// lane takes at most a sixth of the committer's time.
const sidePause = 50 * time.Millisecond

// park moves requests of the batch to the side lane as one parcel; they still count
// against the queue's bounds, and leave with the flight that takes the parcel.
func (p *Pipeline) park(f *flight, requests []*request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.attempted = nil
	p.downSince = time.Time{}
	p.stats.Parked += int64(len(requests))
	parcel := slices.DeleteFunc(slices.Clone(requests), func(r *request) bool { return r.answered })
	if len(parcel) == 0 {
		return
	}
	for _, r := range parcel {
		r.parked = true
	}
	p.side = append(p.side, parcel)
	f.batch = slices.DeleteFunc(slices.Clone(f.batch), func(r *request) bool { return r.parked })
}

// sideDueLocked tells whether it is time for a try.
func (p *Pipeline) sideDueLocked() bool {
	return len(p.side) > 0 && time.Since(p.lastSide) >= sidePause
}

// unparkLocked takes the next parcel of the side lane.
func (p *Pipeline) unparkLocked() []*request {
	p.lastSide = time.Now()
	parcel := p.side[0]
	p.side = slices.Delete(p.side, 0, 1)
	for _, r := range parcel {
		r.parked = false
	}
	return parcel
}

// maySplitLocked takes a drop from a bucket that is filled by SplitsPerSecond and
// holds no more than that.
func (p *Pipeline) maySplitLocked() bool {
	now, rate := time.Now(), float64(p.config.SplitsPerSecond)
	p.splits = min(rate, p.splits+now.Sub(p.splitAt).Seconds()*rate)
	p.splitAt = now
	if p.splits < 1 {
		return false
	}
	p.splits--
	return true
}

// expireSideLocked answers parked requests whose deadline has passed: they are
// between attempts, so certainly not stored.
func (p *Pipeline) expireSideLocked(now time.Time) {
	for i, parcel := range p.side {
		p.side[i] = slices.DeleteFunc(parcel, func(r *request) bool {
			if r.deadline.After(now) {
				return false
			}
			p.dropLocked(r, event.ReasonExpired)
			p.stats.Expired++
			return true
		})
	}
	p.side = slices.DeleteFunc(p.side, func(parcel []*request) bool { return len(parcel) == 0 })
}

// dropLocked refuses a request that is in no batch, and gives its room back.
func (p *Pipeline) dropLocked(r *request, reason event.Reason) {
	p.events -= len(r.group.Events)
	p.bytes -= r.bytes
	p.answerLocked(r, answer{err: &event.NotStoredError{Reason: reason}})
}
