package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is how long after the first signal another one is taken for the same: timeout(1)
// sends its own to the process and then to the group it is in. A guess; nobody types so fast.
const sameSignal = 50 * time.Millisecond

// signalContext ends at the first signal that ends a run with its report. A second one ends
// the process at once.
func signalContext() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, endings()...)
	go obey(signals, cancel, func() { os.Exit(exitInterrupted) }) // ends with the process
	return ctx
}

// endings are the signals that end a run with its report. Under nohup SIGHUP is none.
func endings() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) {
		return []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
}

// obey calls stop at the first signal, and exit at a second one. SIGHUP is none: a terminal
// that closes may send it twice.
func obey(signals <-chan os.Signal, stop, exit func()) {
	<-signals
	stop()
	for first := time.Now(); ; {
		if s := <-signals; s != syscall.SIGHUP && time.Since(first) >= sameSignal {
			exit()
			return
		}
	}
}
