package pipeline

import (
	"slices"
	"time"
)

// flight is a batch, or a parcel of the side lane, with its committer. All but what the
// committer alone uses is guarded by Pipeline.mu.
type flight struct {
	batch     []*request
	parcel    bool       // of the side lane
	events    int        // of all requests
	attempted []*request // Merge is under way with them: they may be committed
	begun     time.Time  // of the attempt under way, or the last
	ahead     bool       // the store takes the next one behind it, and it has not failed since

	tried   bool   // the committer's: an attempt was made
	learnt  bool   // the committer's: the filter knows the keys
	guesses []bool // the committer's: of the attempt
}

// committers is how many flights there may be: while the answer to one is awaited
// the next is got ready and sent. The store runs one after the other.
const committers = 2

// roomLocked tells whether a flight may begin: the last one, if any, is on its way.
func (p *Pipeline) roomLocked() bool {
	return len(p.flights) < committers && (len(p.flights) == 0 || p.flights[len(p.flights)-1].ahead)
}

// wantedLocked tells whether a flight may begin with what is queued. Behind another one
// it must be worth its fixed costs: as large as the other.
func (p *Pipeline) wantedLocked() bool {
	if len(p.queue) == 0 || !p.roomLocked() {
		return false
	}
	return len(p.flights) == 0 || p.queued >= min(p.flights[0].events, p.config.BatchEvents)
}

// notAhead notes that a flight has failed: it settles its matters alone. What the filter
// has learnt of it may never be stored.
func (p *Pipeline) notAhead(f *flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f.ahead {
		f.ahead = false
		p.stats.FilterLearntInVain += int64(f.events)
	}
}

// sentAhead notes that the next flight may begin.
func (p *Pipeline) sentAhead(f *flight) {
	p.mu.Lock()
	f.ahead = true
	wanted := p.wantedLocked()
	p.mu.Unlock()
	if wanted {
		p.notify()
	}
}

// land ends a flight and gives its room back.
func (p *Pipeline) land(f *flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range f.batch {
		p.events -= len(r.group.Events)
		p.bytes -= r.bytes
		p.letGo(r)
	}
	p.flights = slices.DeleteFunc(p.flights, func(other *flight) bool { return other == f })
}
