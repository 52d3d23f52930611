package main

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneSignalThatComesTwice is one, as timeout(1) sends it; a second one later ends at once, but for SIGHUP.
func TestOneSignalThatComesTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 2)
		stops, exits := 0, 0
		go obey(signals, func() { stops++ }, func() { exits++ })
		check := func(wantStops, wantExits int) {
			t.Helper()
			synctest.Wait()
			if stops != wantStops || exits != wantExits {
				t.Errorf("%d stops and %d exits, want %d and %d", stops, exits, wantStops, wantExits)
			}
		}
		check(0, 0)
		signals <- syscall.SIGTERM
		signals <- syscall.SIGTERM
		check(1, 0)
		time.Sleep(sameSignal)
		signals <- syscall.SIGHUP
		check(1, 0)
		signals <- os.Interrupt
		check(1, 1)
	})
}
