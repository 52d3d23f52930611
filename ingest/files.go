package main

import "time"

// filesLook is how often those files are read that may change while the server runs: the keys, the certificate. Only the
// content of a file tells whether it has changed: symbolic links are swapped, and clocks of file systems are coarse. Reading
// such small files costs nothing. A guess.
const filesLook = 5 * time.Second

// lookAgain calls look every filesLook until stop is called. stop waits for a call of look that is under way.
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
