package main

import (
	"cmp"
	"fmt"
	"time"

	"ingot/bench/internal/mix"
	"ingot/bench/internal/result"
)

// The sets.
const (
	quick = "quick" // `make bench`
	full  = "full"  // `make bench-full`, with the quick ones
	named = "named" // only when they are asked for by name
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
	Rates       []int         // requests a second; several: rising, until it no longer keeps up
	Array       int           // events in a request; 0: one, as an object
	Lasts       time.Duration // window of measurement; 0: that of the run

	// To what.
	Ingesters   int           // 0: one
	Flags       []string      // of the ingester
	Known       int           // events stored by others; then the ingester is restarted
	Alter       string        // SQL on the tables before anything is written
	Base        int           // rows in the table, loaded once and kept
	CommitDelay time.Duration // added to every answer to a COMMIT
	Readers     int           // clients that read pages meanwhile

	// Against what. A limit is one of the above, or the name of another scenario.
	Against []result.Ratio
}

func (s *scenario) ingesters() int { return max(1, s.Ingesters) }

func (s *scenario) events() int { return max(1, s.Array) }

func (s *scenario) open() bool { return len(s.Rates) > 0 }

// keeps tells whether its database outlives the run.
func (s *scenario) keeps() bool { return s.Base > 0 }

// stored is how many rows are there before the first round, and known how many of
// them may be repeated.
func (s *scenario) stored() int { return max(s.Base, s.Known) }

// database is the name of the one it runs on: fresh for each round, or kept for
// each kind of ids and number of topics.
func (s *scenario) database() string {
	if s.keeps() {
		name := fmt.Sprintf("bench_base_%d_%s", s.Base, cmp.Or(s.Mix.IDs, mix.UUIDv4))
		if s.Mix.Topics > 0 {
			name += fmt.Sprintf("_%d_topics", s.Mix.Topics)
		}
		return name
	}
	return "bench_run"
}
