package pipeline

import (
	"context"
	"slices"
	"time"
)

// next waits until there is work for a committer, and makes f a flight of it: of queued requests, or of a parcel
// of the side lane when one is due. It returns false when nothing is left to do: draining with all lanes empty, or
// ctx ended.
func (p *Pipeline) next(ctx context.Context, f *flight) bool {
	for ctx.Err() == nil {
		taken, drained, again := p.take(f)
		if taken || drained {
			return taken
		}
		var look <-chan time.Time // nil: only when somebody calls
		if again > 0 {
			look = time.After(again)
		}
		select {
		case <-p.wake:
		case <-look:
		case <-ctx.Done():
		}
	}
	return false
}

// take makes f a flight of a parcel that is due, or of the head of the queue, if a flight may begin. Before that
// it refuses the queued requests that have too little time left for an attempt. drained says that nothing is left
// to do; again is when to look again even if nobody calls notify, zero or less for never.
func (p *Pipeline) take(f *flight) (taken, drained bool, again time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireQueueLocked(p.horizonLocked())
	side := len(p.side) > 0
	switch {
	case p.sideDueLocked() && p.roomLocked():
		*f = flight{batch: p.unparkLocked(), parcel: true, guesses: f.guesses}
	case p.wantedLocked():
		*f = flight{batch: p.headLocked(), guesses: f.guesses}
	default:
		again = p.lingerLocked()
		if side && (again <= 0 || again > sidePause) {
			again = sidePause
		}
		return false, p.draining && len(p.queue) == 0 && !side, again
	}
	f.events = loadOf(f.batch).events
	p.flights = append(p.flights, f)
	return true, false, 0
}

// overtakeShare: requests that come along from behind large ones are at most an eighth of a batch, together. A guess.
const overtakeShare = 8

// headLocked takes a batch off the head of the queue, and small requests from behind large ones along with it.
func (p *Pipeline) headLocked() []*request {
	n, taken := 0, load{}
	for _, r := range p.queue {
		taken.add(r.load)
		if n > 0 && !taken.within(load{p.config.BatchEvents, p.size.most}) {
			break
		}
		n++
		p.queued.sub(r.load)
	}
	batch := slices.Clone(p.queue[:n])
	p.queue = dropFront(p.queue, n)
	return p.overtakeLocked(batch)
}

// overtakeLocked adds to a batch the small requests that would have to wait behind large ones: a single event need not
// wait until each of many arrays has had its batch. Large requests lose no turn, since a batch takes the head of the
// queue in any case. If the next request is small itself, nobody waits behind a large one for long.
func (p *Pipeline) overtakeLocked(batch []*request) []*request {
	room := load{p.config.BatchEvents / overtakeShare, p.size.most / overtakeShare}
	if len(p.queue) == 0 || p.queue[0].within(room) {
		return batch
	}
	room.events = min(room.events, p.config.MostEvents-loadOf(batch).events)
	p.queue = slices.DeleteFunc(p.queue, func(r *request) bool {
		if !r.within(room) {
			return false
		}
		room.sub(r.load)
		p.queued.sub(r.load)
		batch = append(batch, r)
		return true
	})
	return batch
}

// dropFront removes the first n requests, of which the queue's array keeps none alive. If at most n are left, it moves
// them to the front of the array, to make room behind them again.
func dropFront(queue []*request, n int) []*request {
	left := len(queue) - n
	if left > n {
		clear(queue[:n])
		return queue[n:]
	}
	copy(queue, queue[n:])
	clear(queue[left:])
	return queue[:left]
}
