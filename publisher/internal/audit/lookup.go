package audit

import (
	"context"
	"fmt"
	"sync"
)

// lookup asks for every event that was sent, by its key.
//
//  1. Each worker takes an index, asks, and compares under one mutex.
//  2. The first error cancels the others' requests, and is the one returned.
//  3. All workers have ended before lookup returns.
func (c *check) lookup(ctx context.Context, r Reader, m Meter) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex // guards c and m
	indexes := make(chan int)
	var workers sync.WaitGroup
	for range c.Workers {
		workers.Go(func() { // stops when indexes is closed
			for i := range indexes {
				if err := c.ask(ctx, r, m, i, &mu); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < c.Unique && ctx.Err() == nil; i++ {
		if c.Told.Sent(i) {
			indexes <- i
		}
	}
	close(indexes)
	workers.Wait()
	return context.Cause(ctx)
}

func (c *check) ask(ctx context.Context, r Reader, m Meter, i int, mu *sync.Mutex) error {
	id, topic := c.Events.Key(i)
	rows, err := r.Lookup(ctx, id, topic)
	if err != nil {
		return fmt.Errorf("look up an event: %w", err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, row := range rows {
		if row.ID != id || row.Topic != topic {
			return fmt.Errorf("look up an event: asked for %s on %s, got %s on %s", id, topic, row.ID, row.Topic)
		}
		c.compare(i, row)
	}
	m.Add(1)
	return nil
}
