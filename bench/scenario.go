package main

import (
	"time"

	"ingot/bench/internal/mix"
	"ingot/bench/internal/result"
)

// The sets.
const (
	quick = "quick" // `make bench`
	full  = "full"  // `make bench-full`, with the quick ones
)

// The limits that are no scenario.
const (
	rawCopy = "copy"    // rows/s of raw COPY
	nothing = "nothing" // requests/s of a server that does nothing
	naive   = "naive"   // requests/s of a server with an INSERT per request
	commit  = "commit"  // commits/s of one connection, one row each
)

// scenario is one line of the table: what is offered, to what, against what.
type scenario struct {
	Name  string
	About string
	Set   string

	// What is offered. Connections make it a closed loop, Rates an open one.
	Mix         mix.Mix
	Connections int
	Rates       []int // requests a second; several: rising, until it no longer keeps up
	Array       int   // events in a request; 0: one, as an object

	// To what.
	Ingesters   int           // 0: one
	Flags       []string      // of the ingester
	Known       int           // events stored by others; then the ingester is restarted
	Base        int           // rows in the table, loaded once and kept
	CommitDelay time.Duration // added to every answer to a COMMIT
	Readers     int           // clients that read pages meanwhile

	// Against what. A limit is one of the above, or the name of another scenario.
	Against []result.Ratio
}

func (s *scenario) ingesters() int { return max(1, s.Ingesters) }

func (s *scenario) events() int { return max(1, s.Array) }

func (s *scenario) open() bool { return len(s.Rates) > 0 }

// keeps tells whether its database outlives a round.
func (s *scenario) keeps() bool { return s.Base > 0 }
