package main

import "time"

// filesLook is how often files that may change while the server runs are read: the keys, the certificate. Only what they
// hold tells of a change: symbolic links are swapped, and clocks of file systems are coarse. Small files cost nothing. A guess.
const filesLook = 5 * time.Second

// lookAgain calls look from time to time, until stop, which waits for a call under way.
func lookAgain(look func()) (stop func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func() { // stopped by over, awaited in stop
		defer close(done)
		ticker := time.NewTicker(filesLook)
		defer ticker.Stop()
		for {
			select {
			case <-over:
				return
			case <-ticker.C:
				look()
			}
		}
	}()
	return func() { close(over); <-done }
}
