package pipeline

import (
	"slices"
	"time"
)

// The side lane holds parcels: requests that a committer is to try later, together, apart from all others. A parcel is
// one of these:
//
//   - a request with a key that somebody else's transaction holds, for nobody knows how long;
//   - a request with which an attempt fails though the store works, nobody knows why;
//   - requests with which all attempts have failed, while nobody knows whether the store works;
//   - half of a batch that was halved when too many batches had been halved lately, so that the half has to wait.
//
// All other requests go on. Between batches a committer tries one parcel, briefly. A parcel is tried until it gets
// through or its deadlines pass.

// sidePause is the least time between two tries of parcels. After a try that failed because of a request the pause is also at
// least sideShare times as long as the try: so at most a sixth of the committers' time is lost to the side lane while the store
// works. A try waits 10 ms for a key.
const (
	sidePause = 50 * time.Millisecond
	sideShare = 5
)

// restSideLocked makes the side lane wait after a try that took inVain without success.
func (p *Pipeline) restSideLocked(inVain time.Duration) {
	p.sideAgain = time.Now().Add(max(sidePause, sideShare*inVain))
}

// park moves requests of the batch to the side lane as one parcel. They count against the queue's bounds until the flight
// that takes the parcel has landed.
func (p *Pipeline) park(f *flight, requests []*request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.parkLocked(f, requests)
}

func (p *Pipeline) parkLocked(f *flight, requests []*request) {
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

// sideDueLocked tells whether it is time to try a parcel.
func (p *Pipeline) sideDueLocked() bool {
	return len(p.side) > 0 && !time.Now().Before(p.sideAgain)
}

// unparkLocked takes the next parcel of the side lane. Every other time it prefers one of several requests, since most of
// those only share a parcel with the one to blame.
func (p *Pipeline) unparkLocked() []*request {
	next := 0
	if p.sideMany = !p.sideMany; p.sideMany {
		next = max(0, slices.IndexFunc(p.side, func(parcel []*request) bool { return len(parcel) > 1 }))
	}
	parcel := p.side[next]
	p.side = slices.Delete(p.side, next, next+1)
	for _, r := range parcel {
		r.parked = false
	}
	return parcel
}

// maySplitLocked tells whether a batch may be halved at once: it takes a token from a bucket that SplitsPerSecond
// tokens a second fill, and that holds as many.
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
			p.dropLocked(r, p.expired())
			p.stats.Expired++
			return true
		})
	}
	p.side = slices.DeleteFunc(p.side, func(parcel []*request) bool { return len(parcel) == 0 })
}

// dropLocked refuses a request that is in no batch, which then no longer counts against the queue's bounds.
func (p *Pipeline) dropLocked(r *request, err error) {
	p.held.sub(r.load)
	p.answerLocked(r, answer{err: err})
}
