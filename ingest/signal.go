package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is how long after the first signal another one is taken for the same: timeout(1)
// sends its own to the process and then to the group it is in. A guess; nobody types so fast.
const sameSignal = 50 * time.Millisecond

// signalContext ends at the first SIGINT, SIGTERM or SIGHUP, which is what closing a
// terminal sends; who has it ignored (nohup) is not stopped by it. The second one ends the
// process at once; a private Postgres goes with it.
func signalContext() (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go obey(signals, cancel, func() { // ends with the process
		fmt.Fprintln(os.Stderr, "ingest: second signal, stopping at once")
		os.Exit(1)
	})
	return ctx, cancel
}

// obey calls stop at the first signal, and exit at a second one. SIGHUP is none: a terminal that closes sends it twice, as far
// apart as its shell takes to end.
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
