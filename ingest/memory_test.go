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
		c := config{QueueBytes: 64 << 20, MaxBodiesInFlight: 128 << 20, MaxReadsInFlight: 64 << 20, MaxPage: 8 << 20, ReadConnections: 4, MaxExports: 8, MaxHeader: 16 << 10}
		const connectionBytes = connectionBytes + 16<<10
		var connected, streaming atomic.Int64
		open := func() (connections, streams int64) { return connected.Load(), streaming.Load() }
		stop := limitMemory(c, open)
		limit := func(connections int64) int64 {
			connected.Store(connections)
			time.Sleep(2 * memoryPeriod)
			return debug.SetMemoryLimit(-1)
		}
		none := limit(0)
		if none < 192<<20 || none > 700<<20 {
			t.Errorf("without connections it is %d MiB", none>>20)
		}
		if got := limit(16_000) - none; got < (16_000-connectionsStep)*connectionBytes || got > 17_000*connectionBytes {
			t.Errorf("16,000 connections add %d bytes", got)
		}
		if got := limit(0) - none; got > connectionsStep*connectionBytes {
			t.Errorf("when they are gone %d bytes are left of it", got)
		}
		streaming.Store(1000)
		if got := limit(0) - none; got < (1000-streamsStep)*streamBytes || got > 1100*streamBytes {
			t.Errorf("1,000 streams add %d bytes", got)
		}
		streaming.Store(0)
		limit(0)
		stop()
		if stopped := limit(16_000) - none; stopped > connectionsStep*connectionBytes {
			t.Errorf("after stop it has %d bytes more", stopped)
		}
		limitMemory(c, open)() // the limit that is set wins
		if got := debug.SetMemoryLimit(-1) - none; got > connectionsStep*connectionBytes {
			t.Errorf("a limit that was set is changed by %d bytes", got)
		}
	})
}

// TestTLSTakesMemory: each connection holds more.
func TestTLSTakesMemory(t *testing.T) {
	t.Parallel()
	plain, secure := config{}, config{TLSCert: "x", TLSKey: "y"}
	if more := memoryLimit(secure, 1000, 10) - memoryLimit(plain, 1000, 10); more != 1000*tlsBytes {
		t.Errorf("1,000 connections over TLS add %d bytes", more)
	}
}
