package main

import (
	"math"
	"runtime/debug"
	"time"
)

const (
	// connectionBytes is what an open connection holds beside its --max-header, buffers and stack: 2,000 that were
	// idle after a request held 27.8 KB each, with one of 16 KiB. What headers as large as that add is not counted, for hardly anybody
	// sends them: 1,000 held 57 KB of the heap each after one with a single long field, for 23 KB.
	connectionBytes = 14 << 10

	// tlsBytes is what TLS adds: 2,000 connections held 6.5 KB more each after a small request, 30 KB more
	// after a body, for the largest record that came stays with its connection.
	tlsBytes = 32 << 10

	// streamBytes is what an open stream holds when its client is slow: the page it catches up
	// with, and what of it is on its way. What several streams wait for they share.
	streamBytes = catchUpBytes + 128<<10

	// exportBytes is what an export holds: two pages of 1 MiB.
	exportBytes = 2 << 20

	// The limit follows them in steps: setting it stops the world.
	connectionsStep, streamsStep = 512, 64

	// memoryLook is how often they are counted. A guess.
	memoryLook = time.Second
)

// limitMemory tells the collector what this process may hold at most by its own
// bounds, so that garbage does not double it, until stop is called. Connections and streams count
// as they are opened: all that may be would be more than all else. GOMEMLIMIT, if set,
// wins.
func limitMemory(c config, open func() (connections, streams int64)) (stop func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	over, done := make(chan struct{}), make(chan struct{})
	debug.SetMemoryLimit(memoryLimit(c, connectionsStep, streamsStep))
	go func() { // stopped by over, awaited in stop
		defer close(done)
		followMemory(c, open, over)
	}()
	return func() { close(over); <-done }
}

func followMemory(c config, open func() (connections, streams int64), over <-chan struct{}) {
	look := time.NewTicker(memoryLook)
	defer look.Stop()
	for set := memoryLimit(c, connectionsStep, streamsStep); ; {
		select {
		case <-look.C:
		case <-over:
			return
		}
		connections, streams := open()
		now := memoryLimit(c, (connections/connectionsStep+1)*connectionsStep, (streams/streamsStep+1)*streamsStep)
		if now != set {
			debug.SetMemoryLimit(now)
			set = now
		}
	}
}

// memoryLimit is in bytes: half as much again as the bodies, 64 MiB for all that is small, the
// pages on their way to clients, those that are being read with their JSON, and what streams and
// connections hold.
func memoryLimit(c config, connections, streams int64) int64 {
	pages := int64(c.MaxReadsInFlight) + int64(c.ReadConnections)*2*int64(c.MaxPage) + int64(c.MaxExports)*exportBytes
	connection := connectionBytes + int64(c.MaxHeader)
	if c.TLSCert != "" {
		connection += tlsBytes
	}
	return int64(c.QueueBytes+c.MaxBodiesInFlight)*3/2 + 64<<20 + pages + streams*streamBytes + connections*connection
}
