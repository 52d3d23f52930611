package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ingot/publisher/internal/client"
	"ingot/publisher/internal/tally"
)

// leastGivenUp is how many batches in a row must be given up, or refused because of who sends them, before the run
// ends: the server then counts as gone, or as one that takes nothing from us. With more clients it is one batch for
// each client. A guess.
const leastGivenUp = 3

// maxVain is how many requests in a row may be refused before batches are no longer divided: where everything is refused,
// dividing costs two requests for each event, and finds out nothing. A guess.
const maxVain = 1000

// sending is one run of many clients over batches of T, which stands for an event. It divides a batch that is refused because
// of one event, or for its size.
type sending[T any] struct {
	batches func(ctx context.Context, deal func([]T) bool) // deals all; it ends when ctx does, or deal returns false
	publish func(ctx context.Context, batch []T) client.Result
	settled func(batch []T, res client.Result) // takes in what became of a batch
	tally   *tally.Tally                       // counts the requests for batches that were divided
	clients int                                // requests in parallel
	rate    float64                            // events per second to offer; 0: no limit

	givenUp atomic.Int64 // batches in a row
	vain    atomic.Int64 // requests in a row that were refused and could be divided
}

// run sends everything, or what it can until ctx ends or the server is gone; the
// latter is its error.
//
//  1. The caller's goroutine deals batches over a channel without room: a batch
//     that was dealt is in the hands of a client.
//  2. It closes the channel when there are no more, or when ctx has ended.
//  3. Each client settles what it took, and ends with the channel.
//  4. run returns when the last client has ended.
//
// So every batch that was dealt is settled, also after an interrupt.
func (s *sending[T]) run(ctx context.Context) error {
	within, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	batches := make(chan []T)
	var clients sync.WaitGroup
	for range s.clients {
		clients.Go(func() { // stops when deal closes the channel
			for batch := range batches {
				if err := s.judge(s.settle(within, batch)); err != nil {
					stop(err)
				}
			}
		})
	}
	s.deal(within, batches)
	clients.Wait()
	if ctx.Err() != nil {
		return nil // interrupted: the caller knows
	}
	return context.Cause(within)
}

// deal hands the batches out, no faster than the rate. It alone closes out.
func (s *sending[T]) deal(ctx context.Context, out chan<- []T) {
	defer close(out)
	began, dealt := time.Now(), 0
	s.batches(ctx, func(batch []T) bool {
		if s.rate > 0 {
			after := min(float64(dealt)/s.rate, forever.Seconds()) // a Duration holds no more than three times that
			sleepUntil(ctx, began.Add(time.Duration(after*float64(time.Second))))
		}
		if ctx.Err() != nil {
			return false // a client may be waiting for a batch as well, and select has no preference
		}
		select {
		case <-ctx.Done():
			return false
		case out <- batch:
			dealt += len(batch)
			return true
		}
	})
}

// settle publishes a batch. If the batch is refused as a whole because of one event, or for its size, settle publishes its
// halves, one after the other: in the end the refused event is alone, and the others are stored. The result is that of the part
// that fared best.
func (s *sending[T]) settle(ctx context.Context, batch []T) client.Result {
	res := s.publish(ctx, batch)
	if res.Divisible && !res.Reopened && len(batch) > 1 && ctx.Err() == nil && s.vain.Load() < maxVain {
		s.tally.Divided(len(batch), res)
		half := len(batch) / 2
		first, second := s.settle(ctx, batch[:half]), s.settle(ctx, batch[half:])
		if first.GaveUp || first.Barred {
			return second
		}
		return first
	}
	if res.Divisible {
		s.vain.Add(1)
	} else {
		s.vain.Store(0)
	}
	s.settled(batch, res)
	return res
}

// judge tells, by its error, that the server is gone, or takes nothing from us.
func (s *sending[T]) judge(res client.Result) error {
	if !res.GaveUp && !res.Barred {
		s.givenUp.Store(0)
		return nil
	}
	if n := s.givenUp.Add(1); n >= int64(max(leastGivenUp, s.clients)) {
		return fmt.Errorf("gave up on %d requests in a row: %w", n, res.Err)
	}
	return nil
}

// sleepUntil returns at the time, or earlier when ctx ends.
func sleepUntil(ctx context.Context, at time.Time) {
	select {
	case <-time.After(time.Until(at)):
	case <-ctx.Done():
	}
}
