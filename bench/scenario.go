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
	bare    = "bare"    // requests/s of a server that copies rows in groups and promises nothing
	naive   = "naive"   // requests/s of a server with an INSERT per request
	commit  = "commit"  // commits/s of one connection, one row each
	pour    = "pour"    // rows/s of raw COPY into the table that the scenario is on
)

// scenario is one line of the table: what is offered, to what, against what.
type scenario struct {
	Name  string
	About string
	Set   string

	// What is offered. Connections make it a closed loop, Rates an open one.
	Mix         mix.Mix
	Connections int
	Rates       []int         // requests a second; several: rising, until the ingester no longer keeps up
	Array       int           // events in a request; 0: one, as an object
	Lasts       time.Duration // window of measurement; 0: that of the run

	// To what.
	Ingesters   int           // 0: one
	Flags       []string      // of the ingester
	Known       int           // events that are stored before the ingester starts; the load may repeat them
	Alter       string        // SQL that is run on the tables before the load
	Base        int           // rows in the table, which is a copy of one that is loaded once and kept
	CommitDelay time.Duration // added to every answer to a COMMIT
	Readers     int           // clients that read pages meanwhile
	Emptied     bool          // its database is emptied before a round, not dropped after it: a drop makes a checkpoint
	own         string        // the end of its database's name, where several trials run at a time

	// Against what. A limit is one of the above, or the name of another scenario.
	Against []result.Ratio
}

func (s *scenario) ingesters() int { return max(1, s.Ingesters) }

func (s *scenario) events() int { return max(1, s.Array) }

func (s *scenario) open() bool { return len(s.Rates) > 0 }

// copies tells whether the scenario is measured on a copy of a table that is kept. The copy is made when the scenario
// begins and dropped when it ends.
func (s *scenario) copies() bool { return s.Base > 0 }

// stored is how many rows are there before the first round; Known is how many of them the load may repeat.
func (s *scenario) stored() int { return max(s.Base, s.Known) }

// database is the name of the database that the scenario runs on: one that is fresh for each round, or one that is emptied,
// or the scenario's copy of the kept one.
func (s *scenario) database() string {
	switch {
	case s.copies():
		return "bench_copy_" + s.Name
	case s.Emptied:
		return "bench_emptied"
	}
	return "bench_run" + s.own
}

// kept is the name of the database that outlives the run. Once it is loaded nothing is written to it. There is one for
// each number of rows, kind of ids and number of topics.
func (s *scenario) kept() string {
	name := fmt.Sprintf("bench_base_%d_%s", s.Base, cmp.Or(s.Mix.IDs, mix.UUIDv4))
	if s.Mix.Topics > 0 {
		name += fmt.Sprintf("_%d_topics", s.Mix.Topics)
	}
	return name
}
