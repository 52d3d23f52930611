// Package stopsignal tells a program when to stop: cleanly at the first signal, at once at a second one.
package stopsignal

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is how long after the first signal another one counts as the same: timeout(1) sends its signal to the
// process, and then to the group that the process is in. A guess; nobody types so fast.
const sameSignal = 50 * time.Millisecond

// Context returns a context that ends at the first SIGINT, SIGTERM or SIGHUP. Closing a terminal sends SIGHUP; a process
// that was started with SIGHUP ignored (nohup) is not stopped by it. At the second signal atOnce is called, which has to end
// the process. Context may be called once; it listens until the process ends.
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

// obey calls stop at the first signal, and atOnce at a second one. SIGHUP never counts as a second one: a terminal that
// closes sends it twice, as far apart as its shell takes to end.
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
