package pipeline

import (
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"ingot/internal/event"
)

// request is one group of events and the caller of Submit that waits for its answer. That caller and the flight hold
// the request; whichever lets go last puts it back into the pool. A request that never had a flight (refused, or
// expired in a lane) is left to the garbage collector.
type request struct {
	group event.Group
	load
	deadline time.Time
	slot     chan answer // one slot, filled exactly once
	holders  atomic.Int32

	// Guarded by Pipeline.mu:

	answered bool
	parked   bool  // in the side lane
	blame    blame // narrow.go
}

// load is how much some requests bring.
type load struct {
	events int
	bytes  int64
}

func (l *load) add(more load) { l.events, l.bytes = l.events+more.events, l.bytes+more.bytes }
func (l *load) sub(less load) { l.events, l.bytes = l.events-less.events, l.bytes-less.bytes }

// within tells whether it is no more than most.
func (l load) within(most load) bool { return l.events <= most.events && l.bytes <= most.bytes }

func loadOf(requests []*request) (l load) {
	for _, r := range requests {
		l.add(r.load)
	}
	return l
}

func (p *Pipeline) newRequest(group event.Group, bytes int64) *request {
	r, ok := p.requests.Get().(*request)
	if !ok {
		r = &request{slot: make(chan answer, 1)}
	}
	r.group, r.load, r.deadline = group, load{len(group.Events), bytes}, time.Now().Add(p.config.Deadline)
	r.answered, r.parked, r.blame = false, false, blame{}
	r.holders.Store(2)
	return r
}

func (p *Pipeline) letGo(r *request) {
	if r.holders.Add(-1) == 0 {
		r.group = event.Group{} // the pool must not keep bodies alive
		p.requests.Put(r)
	}
}

type answer struct {
	stored []bool
	err    error
}

// Submit queues a group and waits for its fate. It returns for each event whether it was stored (true) or was
// there already (false). bytes is the memory that the group holds on to.
//
// Errors: *event.NotStoredError (at once when the queue is full or draining), *event.BadDataError,
// *event.UnknownError. Submit returns within Config.Deadline and the time that a tick of the reaper takes.
func (p *Pipeline) Submit(group event.Group, bytes int64) ([]bool, error) {
	if len(group.Events) == 0 {
		return nil, nil
	}
	r := p.newRequest(group, bytes)
	wanted, err := p.accept(r)
	if err != nil {
		return nil, err
	}
	if wanted {
		p.notify()
	}
	a := <-r.slot
	p.letGo(r)
	return a.stored, a.err
}

// outageLocked tells whether attempts have failed for longer than Config.OutageGrace and the time that a commit takes
// lately: where commits are slow, the store may work and the next attempt take that long to show it. In an outage Submit
// refuses requests at once, except for one at a time, which it lets in while nothing else waits, to try the store.
func (p *Pipeline) outageLocked() bool {
	return !p.downSince.IsZero() && time.Since(p.downSince) > p.config.OutageGrace+p.commitTime
}

func (p *Pipeline) inOutage() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outageLocked()
}

// busyLocked tells whether a request that comes now has to wait for others.
func (p *Pipeline) busyLocked() bool {
	return len(p.queue) > 0 || slices.ContainsFunc(p.flights, func(f *flight) bool { return !f.yields })
}

// Why a request is refused at once, and which setting decides that: for the log.
var (
	errOutage     = errors.New("attempts have failed for longer than --outage-grace allows, and another request is trying the database")
	errManyEvents = errors.New("too many events wait (--queue-events)")
	errManyBytes  = errors.New("too many bytes wait (--queue-bytes)")
)

// accept queues a request, and tells whether to wake a committer for it.
func (p *Pipeline) accept(r *request) (wanted bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.draining:
		return false, &event.NotStoredError{Reason: event.ReasonDraining}
	case p.outageLocked() && p.busyLocked():
		p.stats.Refused += int64(r.events)
		return false, &event.NotStoredError{Reason: event.ReasonUnavailable, Err: errOutage}
	case p.held.events+r.events > p.config.QueueEvents:
		p.stats.Refused += int64(r.events)
		return false, &event.NotStoredError{Reason: event.ReasonQueueFull, Err: errManyEvents}
	case p.held.bytes+r.bytes > p.config.QueueBytes:
		p.stats.Refused += int64(r.events)
		return false, &event.NotStoredError{Reason: event.ReasonQueueFull, Err: errManyBytes}
	}
	p.held.add(r.load)
	p.queued.add(r.load)
	p.queue = append(p.queue, r)
	return p.wantedLocked(), nil
}
