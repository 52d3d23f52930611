package main

import (
	"math"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestMemoryLimit follows the connections up and down. It is not parallel: the limit is
// the process's.
func TestMemoryLimit(t *testing.T) {
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		t.Skip("GOMEMLIMIT is set")
	}
	defer debug.SetMemoryLimit(math.MaxInt64)
	synctest.Test(t, func(t *testing.T) {
		c := config{QueueBytes: 64 << 20, MaxBodiesInFlight: 128 << 20, MaxStreams: 1024}
		var open atomic.Int64
		stop := limitMemory(c, open.Load)
		limit := func(connections int64) int64 {
			open.Store(connections)
			time.Sleep(2 * connectionsLook)
			return debug.SetMemoryLimit(-1)
		}
		none := limit(0)
		if none < 192<<20 || none > 500<<20 {
			t.Errorf("without connections it is %d MiB", none>>20)
		}
		if got := limit(16_000) - none; got < 16_000*connectionBytes || got > 17_000*connectionBytes {
			t.Errorf("16,000 connections add %d bytes", got)
		}
		if got := limit(0) - none; got > connectionsStep*connectionBytes {
			t.Errorf("when they are gone %d bytes are left of it", got)
		}
		stop()
		if stopped := limit(16_000) - none; stopped > connectionsStep*connectionBytes {
			t.Errorf("after stop it has %d bytes more", stopped)
		}
		limitMemory(c, open.Load)() // the limit that is set wins
		if got := debug.SetMemoryLimit(-1) - none; got > connectionsStep*connectionBytes {
			t.Errorf("a limit that was set is changed by %d bytes", got)
		}
	})
}
