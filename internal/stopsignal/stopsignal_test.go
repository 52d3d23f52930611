package stopsignal

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// TestOneSignalThatComesTwice is one; a second one later is not waited for. The SIGHUP of a terminal that closes comes from the shell, and
// from the kernel once the shell has ended, which may take it a while.
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
		check(1, 0)
		signals <- syscall.SIGHUP
		check(1, 0)
		signals <- os.Interrupt
		check(1, 1)
	})
}
