package main

import (
	"math"
	"runtime/debug"
	"time"
)

const (
	// connectionBytes is what an open connection holds, buffers and stack, without the buffer of --max-header. 2,000
	// connections that were idle after a request held 27.8 KB each, with a --max-header of 16 KiB. What a header of that
	// size adds is not counted, since hardly anybody sends one: 1,000 connections held 57 KB of the heap each after a
	// header with a single long field, instead of 23 KB.
	connectionBytes = 14 << 10

	// tlsBytes is what TLS adds to a connection: 2,000 connections held 6.5 KB more each after a small request, and 30 KB
	// more after a body, since a connection keeps room for the largest record that has come.
	tlsBytes = 32 << 10

	// streamBytes is what an open stream holds when its client is slow: the page that it catches up with, and the part of
	// this page that is on its way. Events that wait for several streams are in memory once.
	streamBytes = catchUpBytes + 128<<10

	// exportBytes is what an export holds: two pages of 1 MiB.
	exportBytes = 2 << 20

	// The limit follows the numbers of connections and streams in these steps, because setting it stops the world.
	connectionsStep, streamsStep = 512, 64

	// memoryPeriod is how often connections and streams are counted. A guess.
	memoryPeriod = time.Second
)

// limitMemory keeps the garbage collector's memory limit, until stop is called, at what this process may hold by its own
// bounds, so that garbage does not double that. It counts the connections and streams that are open, not all that may be
// opened, which would come to more than everything else. GOMEMLIMIT, if set, wins.
func limitMemory(c config, open func() (connections, streams int64)) (stop func()) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return func() {}
	}
	set := memoryLimit(c, connectionsStep, streamsStep)
	debug.SetMemoryLimit(set)
	return every(memoryPeriod, func() {
		connections, streams := open()
		now := memoryLimit(c, (connections/connectionsStep+1)*connectionsStep, (streams/streamsStep+1)*streamsStep)
		if now != set {
			debug.SetMemoryLimit(now)
			set = now
		}
	})
}

// memoryLimit is in bytes. It is the sum of
//
//   - one and a half times what the queue and the bodies in flight may hold,
//   - 64 MiB for everything small,
//   - the pages on their way to clients, those being read with their JSON, and exports,
//   - what open streams and connections hold.
func memoryLimit(c config, connections, streams int64) int64 {
	pages := int64(c.MaxReadsInFlight) + int64(c.ReadConnections)*2*int64(c.MaxPage) + int64(c.MaxExports)*exportBytes
	connection := connectionBytes + int64(c.MaxHeader)
	if c.TLSCert != "" {
		connection += tlsBytes
	}
	return int64(c.QueueBytes+c.MaxBodiesInFlight)*3/2 + 64<<20 + pages + streams*streamBytes + connections*connection
}
