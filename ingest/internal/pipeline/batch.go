package pipeline

import (
	"context"
	"time"
)

// next waits for requests and moves them from the queue into the batch. It returns
// an empty batch when it is time to look at the side lane, and more is false when
// nothing is left to do: draining with all lanes empty, or ctx ended.
func (p *Pipeline) next(ctx context.Context) (batch []*request, more bool) {
	for ctx.Err() == nil {
		batch, drained, side := p.take()
		if len(batch) > 0 || drained {
			return batch, !drained
		}
		if !side {
			select {
			case <-p.wake:
			case <-ctx.Done():
			}
			continue
		}
		timer := time.NewTimer(sidePause)
		select {
		case <-p.wake:
			timer.Stop()
		case <-timer.C:
			return nil, true
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return nil, false
}

// take makes a batch of the head of the queue. Requests that expired while they
// were queued have left it already, and those leave now for which there is no time.
func (p *Pipeline) take() (batch []*request, drained, side bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireQueueLocked(p.horizonLocked())
	n, events, bytes := 0, 0, int64(0)
	for _, r := range p.queue {
		events += len(r.group.Events)
		bytes += r.bytes
		if n > 0 && (events > p.config.BatchEvents || bytes > p.config.BatchBytes) {
			break
		}
		n++
	}
	batch = append(batch, p.queue[:n]...)
	p.queue = dropFront(p.queue, n)
	p.batch = batch
	side = len(p.side) > 0
	return batch, p.draining && n == 0 && !side, side
}

// dropFront removes the first n without keeping them alive.
func dropFront(queue []*request, n int) []*request {
	clear(queue[:n])
	return queue[n:]
}

// release gives a finished batch's room back, but for what was parked.
func (p *Pipeline) release(batch []*request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range batch {
		if r.parked {
			continue
		}
		p.events -= len(r.group.Events)
		p.bytes -= r.bytes
		p.letGo(r)
	}
	p.batch = nil
}
