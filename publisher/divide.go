package main

import (
	"context"
	"sync/atomic"

	"ingot/publisher/internal/client"
	"ingot/publisher/internal/tally"
)

// maxVain is how many requests in a row may be refused before batches are no longer divided: where everything is refused,
// dividing costs two requests for each event, and finds out nothing. A guess.
const maxVain = 1000

// divider sends batches of T, and divides those that are refused because of one event, or for their size.
type divider[T any] struct {
	send    func(context.Context, []T) client.Result
	settled func([]T, client.Result)
	tally   *tally.Tally // of the requests for batches that were divided

	vain atomic.Int64 // requests in a row that were refused and could be divided
}

func (d *divider[T]) job(batch []T) job {
	return job{len(batch), func(ctx context.Context) client.Result { return d.settle(ctx, batch) }}
}

// settle sends a batch. If the batch is refused as a whole because of one event, or for its size, settle sends its halves, one
// after the other: in the end the refused event is alone, and the others are stored. The result is that of the part that fared
// best.
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
	if res.Divisible {
		d.vain.Add(1)
	} else {
		d.vain.Store(0)
	}
	d.settled(batch, res)
	return res
}
