package pipeline

import (
	"slices"
	"time"
)

// flight is a batch, or a parcel of the side lane, in the hands of one committer. Pipeline.mu guards all fields
// but those that the committer alone uses.
type flight struct {
	batch     []*request
	parcel    bool       // the batch is a parcel of the side lane
	events    int        // of all requests of the batch
	attempted []*request // Merge is under way with them: they may be committed
	ahead     bool       // the store takes the next batch behind this one, which has not failed since
	yields    bool       // it gives way as soon as another request comes: see yield

	begun   time.Time     // the committer's: when the attempt under way, or the last one, began
	inVain  time.Duration // the committer's: what attempts took that failed because of a request
	tried   bool          // the committer's: an attempt was made on it
	learnt  bool          // the committer's: the filter knows the keys
	guesses []bool        // the committer's: whether the filter suspects each event; the array is used again
}

// committers is how many flights there may be at a time: while the answer to one is awaited, the next is prepared
// and sent. The store runs one after the other.
const committers = 2

// slowShare: commits that take more than a quarter of the time that an attempt, or a request, has are slow. No flight begins
// behind another then: it would wait for two commits in the time of one attempt, and be given up although the store works.
// Beginning early gains only milliseconds anyway. A guess.
const slowShare = 4

// slowLocked tells whether commits are slow lately.
func (p *Pipeline) slowLocked() bool {
	return p.commitTime > min(p.config.AttemptTimeout, p.config.Deadline)/slowShare
}

// roomLocked tells whether another flight may begin: a committer is free, and there is no flight, or the last one is
// ahead and commits are not slow.
func (p *Pipeline) roomLocked() bool {
	return len(p.flights) < committers && (len(p.flights) == 0 || p.flights[len(p.flights)-1].ahead && !p.slowLocked())
}

// wantedLocked tells whether a flight may begin with what is queued. Behind another flight it must be as large as
// that one, or as large as a batch gets: a smaller one is not worth its fixed costs. While the store is crowded only
// the largest batches go behind another.
func (p *Pipeline) wantedLocked() bool {
	switch {
	case len(p.queue) == 0 || !p.roomLocked():
		return false
	case len(p.flights) == 0:
		return p.lingerLocked() <= 0
	case p.crowded:
		return p.fullLocked()
	}
	return p.fullLocked() || p.queued.events >= p.flights[0].events
}

// fullLocked tells whether a batch of what is queued is as large as it gets.
func (p *Pipeline) fullLocked() bool {
	return p.queued.events >= p.config.BatchEvents || p.queued.bytes >= p.size.most
}

// failed notes that an attempt of the flight has failed: no other flight may begin behind it any more. The keys that the
// filter has learnt from it may never be stored. If certainly nothing was committed, a request whose deadline passes
// before the next attempt is told "not stored", not unknown.
func (p *Pipeline) failed(f *flight, certain bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if certain {
		f.attempted = nil
	}
	if f.ahead {
		f.ahead = false
		p.stats.FilterLearntInVain += int64(f.events)
	}
}

// sentAhead notes that the next flight may begin behind this one.
func (p *Pipeline) sentAhead(f *flight) {
	p.mu.Lock()
	f.ahead = true
	wanted := p.wantedLocked()
	p.mu.Unlock()
	if wanted {
		p.notify()
	}
}

// land ends a flight; its requests no longer count against the queue's bounds.
func (p *Pipeline) land(f *flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range f.batch {
		p.held.sub(r.load)
		p.letGo(r)
	}
	p.flights = slices.DeleteFunc(p.flights, func(other *flight) bool { return other == f })
	if f.parcel {
		p.restSideLocked(f.inVain)
	}
}
