package main

import (
	"math"
	"runtime/debug"
	"time"
)

const (
	// connectionBytes is what an open connection holds, buffers and stack: 2,000 that were
	// idle after a request held 27.8 KB each.
	connectionBytes = 30 << 10

	// connectionsStep is by how many the limit follows them. To set it stops the world.
	connectionsStep = 512

	connectionsLook = time.Second
)

// limitMemory tells the collector what this process may hold at most by its own
// bounds, so that garbage does not double it, until stop is called. Connections count
// as they are opened: all that may be would be more than all else. GOMEMLIMIT, if set,
// wins.
func limitMemory(c config, connections func() int64) (stop func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	debug.SetMemoryLimit(memoryLimit(c, 0))
	over, done := make(chan struct{}), make(chan struct{})
	go func() { // stopped by over, awaited in stop
		defer close(done)
		followConnections(c, connections, over)
	}()
	return func() { close(over); <-done }
}

func followConnections(c config, connections func() int64, over <-chan struct{}) {
	look := time.NewTicker(connectionsLook)
	defer look.Stop()
	for steps := int64(0); ; {
		select {
		case <-look.C:
		case <-over:
			return
		}
		if now := connections() / connectionsStep; now != steps {
			steps = now
			debug.SetMemoryLimit(memoryLimit(c, (now+1)*connectionsStep))
		}
	}
}

// memoryLimit is in bytes: half as much again as the bodies, 64 MiB for all that is
// small, and what streams and connections hold.
func memoryLimit(c config, connections int64) int64 {
	return int64(c.QueueBytes+c.MaxBodiesInFlight)*3/2 + 64<<20 + int64(c.MaxStreams)*64<<10 + connections*connectionBytes
}
