package main

import (
	"context"
	"sync/atomic"

	"ingot/publisher/internal/client"
	"ingot/publisher/internal/tally"
)

// maxVain is how many requests in a row may be refused, though some were parts of others, before no more are divided: where everything is
// refused, two requests for each event would find no more than one for a batch. A guess.
const maxVain = 1000

// divider sends batches of T, each until it is known what became of all of it.
type divider[T any] struct {
	send    func(context.Context, []T) client.Result
	settled func([]T, client.Result)
	tally   *tally.Tally // of the requests for batches that were divided

	vain atomic.Int64 // requests in a row that were refused and could be divided
}

func (d *divider[T]) job(batch []T) job {
	return job{len(batch), func(ctx context.Context) client.Result { return d.settle(ctx, batch) }}
}

// settle sends a batch. Where all of it is refused because of one event, or because of its size, it sends one half after the other: so an
// event that is refused is alone in the end, and the others are stored. Its result is that of the part that fared best.
func (d *divider[T]) settle(ctx context.Context, batch []T) client.Result {
	res := d.send(ctx, batch)
	if res.Divisible && !res.Reopened && len(batch) > 1 && ctx.Err() == nil && d.vain.Load() < maxVain {
		d.tally.Divided(len(batch), res)
		half := len(batch) / 2
		first, second := d.settle(ctx, batch[:half]), d.settle(ctx, batch[half:])
		if first.GaveUp || first.Barred {
			return second
		}
		return first
	}
	if d.vain.Add(1); !res.Divisible {
		d.vain.Store(0)
	}
	d.settled(batch, res)
	return res
}
