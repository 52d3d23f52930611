package stopsignal

import (
	"os"
	"os/signal"
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

// TestContext is about the signals of this process, so it is not parallel.
func TestContext(t *testing.T) {
	signal.Ignore(syscall.SIGHUP) // as nohup does
	Context(func() {})
	if !signal.Ignored(syscall.SIGHUP) {
		t.Error("what nohup has ignored is not ignored any more")
	}
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP) // so that it is not, whatever has started these tests
	defer signal.Stop(caught)
	for _, first := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		exit := make(chan struct{})
		ctx := Context(func() { close(exit) })
		send(t, first)
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute): // many times what it takes
			t.Fatalf("%v does not end the context", first)
		}
		for exits, signals := false, 0; !exits; signals++ {
			if signals == 1000 {
				t.Fatalf("%v: a second signal does not end it at once", first)
			}
			send(t, syscall.SIGTERM)
			select {
			case <-exit:
				exits = true
			case <-time.After(sameSignal): // it came too early to count as a second one
			}
		}
	}
}

func send(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(os.Getpid(), s); err != nil {
		t.Fatal(err)
	}
}
