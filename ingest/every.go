package main

import (
	"sync"
	"time"
)

// filesPeriod is how often the files that may change while the server runs, keys and certificate, are read again. They are
// compared by content, because symbolic links get swapped and file systems have coarse clocks; reading such small files costs
// nothing. A guess.
const filesPeriod = 5 * time.Second

// every calls do once a period until stop is called. stop waits for a call that is under way.
func every(period time.Duration, do func()) (stop func()) {
	over := make(chan struct{})
	var loop sync.WaitGroup
	loop.Go(func() { // stopped by over, awaited in stop
		ticker := time.NewTicker(period)
		defer ticker.Stop()
		for {
			select {
			case <-over:
				return
			case <-ticker.C:
				do()
			}
		}
	})
	return func() { close(over); loop.Wait() }
}
