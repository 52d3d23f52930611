package pipeline

import "context"

// next waits for requests and moves them from the queue into the batch. It
// returns nil when there is nothing left to do: draining with an empty queue, or
// ctx ended.
func (p *Pipeline) next(ctx context.Context) []*request {
	for {
		if ctx.Err() != nil {
			return nil
		}
		batch, drained := p.take()
		if len(batch) > 0 || drained {
			return batch
		}
		select {
		case <-p.wake:
		case <-ctx.Done():
		}
	}
}

// take makes a batch of the head of the queue. Requests that expired while they
// were queued have left it already.
func (p *Pipeline) take() (batch []*request, drained bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
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
	return batch, p.draining && n == 0
}

// dropFront removes the first n without keeping them alive.
func dropFront(queue []*request, n int) []*request {
	clear(queue[:n])
	return queue[n:]
}

// release gives a finished batch's room back.
func (p *Pipeline) release(batch []*request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range batch {
		p.events -= len(r.group.Events)
		p.bytes -= r.bytes
	}
	p.batch = nil
}
