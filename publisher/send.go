package main

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"ingot/publisher/internal/client"
)

// leastGivenUp is how many batches in a row must be given up, or refused because of who sends them, before the run
// ends: the server then counts as gone, or as one that takes nothing from us. With more clients it is one batch for
// each client. A guess.
const leastGivenUp = 3

// job is one batch: how many events, and what sends and tallies them.
type job struct {
	events int
	do     func(context.Context) client.Result
}

// sending is one run of many clients over a sequence of batches.
type sending struct {
	jobs    func(context.Context) iter.Seq[job] // it ends when its context does
	clients int                                 // requests in parallel
	rate    float64                             // events per second to offer; 0: no limit

	givenUp atomic.Int64 // batches in a row
}

// run sends everything, or what it can until ctx ends or the server is gone; the
// latter is its error.
//
//  1. The caller's goroutine deals batches over a channel without room: a batch
//     that was dealt is in the hands of a client.
//  2. It closes the channel when there are no more, or when ctx has ended.
//  3. Each client settles what it took, tallies it, and ends with the channel.
//  4. run returns when the last client has ended.
//
// So every batch that was dealt is in the tally, also after an interrupt.
func (s *sending) run(ctx context.Context) error {
	within, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	batches := make(chan job)
	var clients sync.WaitGroup
	for range s.clients {
		clients.Go(func() { // stops when deal closes the channel
			for j := range batches {
				if err := s.settle(within, j); err != nil {
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
func (s *sending) deal(ctx context.Context, out chan<- job) {
	defer close(out)
	began, dealt := time.Now(), 0
	for batch := range s.jobs(ctx) {
		if s.rate > 0 {
			after := min(float64(dealt)/s.rate, forever.Seconds()) // a Duration holds no more than three times that
			sleepUntil(ctx, began.Add(time.Duration(after*float64(time.Second))))
		}
		if ctx.Err() != nil {
			return // a client may be waiting for a batch as well, and select has no preference
		}
		select {
		case <-ctx.Done():
			return
		case out <- batch:
			dealt += batch.events
		}
	}
}

// settle does one batch. Its error tells that the server is gone, or takes nothing from us.
func (s *sending) settle(ctx context.Context, j job) error {
	res := j.do(ctx)
	if !res.GaveUp && !res.Barred {
		s.givenUp.Store(0)
		return nil
	}
	if n := s.givenUp.Add(1); n >= int64(max(leastGivenUp, s.clients)) {
		return fmt.Errorf("gave up on %d requests in a row: %w", n, res.Err)
	}
	return nil
}

// chunks cuts a sequence into slices of n, the last one shorter.
func chunks(order iter.Seq[int], n int) iter.Seq[[]int] {
	return func(yield func([]int) bool) {
		chunk := make([]int, 0, n)
		for i := range order {
			if chunk = append(chunk, i); len(chunk) < n {
				continue
			}
			if !yield(chunk) {
				return
			}
			chunk = make([]int, 0, n)
		}
		if len(chunk) > 0 {
			yield(chunk)
		}
	}
}

// sleepUntil returns at the time, or earlier when ctx ends.
func sleepUntil(ctx context.Context, at time.Time) {
	select {
	case <-time.After(time.Until(at)):
	case <-ctx.Done():
	}
}
