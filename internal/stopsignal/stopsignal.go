// Package stopsignal tells a program when to stop: by one signal well, by a second one at once.
package stopsignal

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

// Context ends at the first SIGINT, SIGTERM or SIGHUP, which is what closing a terminal sends; who
// has it ignored (nohup) is not stopped by it. atOnce is called at the second one: it ends the process. Context is called once,
// and listens until the process ends.
func Context(atOnce func()) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	go obey(signals, cancel, atOnce) // ends with the process
	return ctx
}

// obey calls stop at the first signal, and atOnce at a second one. SIGHUP is none: a terminal that closes sends it twice, as far
// apart as its shell takes to end.
func obey(signals <-chan os.Signal, stop, atOnce func()) {
	<-signals
	stop()
	for first := time.Now(); ; {
		if s := <-signals; s != syscall.SIGHUP && time.Since(first) >= sameSignal {
			atOnce()
			return
		}
	}
}
