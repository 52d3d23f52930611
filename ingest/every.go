package main

import "time"

// filesPeriod is how often those files are read that may change while the server runs: the keys, the certificate. Only the
// content of a file tells whether it has changed: symbolic links are swapped, and clocks of file systems are coarse. Reading
// such small files costs nothing. A guess.
const filesPeriod = 5 * time.Second

// every calls do once a period until stop is called. stop waits for a call that is under way.
func every(period time.Duration, do func()) (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() { // stopped by over, awaited in stop
		defer close(done)
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
	}()
	return func() { close(over); <-done }
}
