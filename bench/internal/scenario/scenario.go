package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"ingot/bench/internal/mix"
	"ingot/bench/internal/result"
)

// The sets.
const (
	Quick = "quick" // `make bench`
	Full  = "full"  // `make bench-full`, with the quick ones
	Named = "named" // only when they are asked for by name
)

// The limits that are no scenario.
const (
	LimitCopy    = "copy"    // rows/s of raw COPY
	LimitNothing = "nothing" // requests/s of a server that does nothing
	LimitBare    = "bare"    // requests/s of a server that copies rows in groups and promises nothing
	LimitNaive   = "naive"   // requests/s of a server with an INSERT per request
	LimitCommit  = "commit"  // commits/s of one connection, one row each
	LimitPour    = "pour"    // rows/s of raw COPY into the table that the scenario is on
)

// Scenario is one line of the table: what is offered, to what, against what.
type Scenario struct {
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
	Suffix      string        // the end of its database's name, where two rounds run at a time

	// Against what. A limit is one of the above, or the name of another scenario.
	Against []result.Ratio
}

// IngesterCount is how many ingesters there are.
func (s *Scenario) IngesterCount() int { return max(1, s.Ingesters) }

// RequestEvents is how many events a request has.
func (s *Scenario) RequestEvents() int { return max(1, s.Array) }

// Limits are the names of the limits in the order of the table, each once: a limit may be in several ratios.
func (s *Scenario) Limits() (names []string) {
	for _, r := range s.Against {
		if !slices.Contains(names, r.Limit) {
			names = append(names, r.Limit)
		}
	}
	return names
}

// OpenLoop tells whether requests come at a rate, whatever the answers do.
func (s *Scenario) OpenLoop() bool { return len(s.Rates) > 0 }

// FullTable tells whether the scenario is measured on a copy of its base, a table that is loaded once and kept. The copy is
// made when the scenario begins and dropped when it ends.
func (s *Scenario) FullTable() bool { return s.Base > 0 }

// StoredRows is how many rows are there before the first round; Known is how many of them the load may repeat.
func (s *Scenario) StoredRows() int { return max(s.Base, s.Known) }

// DatabaseName is the name of the database that the scenario runs on: one that is fresh for each round, or one that is emptied,
// or the scenario's copy of its base.
func (s *Scenario) DatabaseName() string {
	switch {
	case s.FullTable():
		return "bench_copy_" + s.Name
	case s.Emptied:
		return "bench_emptied"
	}
	return "bench_run" + s.Suffix
}

// BaseDatabaseName is the name of the database that the scenario's is a copy of. It outlives the run, and once it is loaded nothing
// is written to it. There is one for each number of rows, kind of ids and number of topics.
func (s *Scenario) BaseDatabaseName() string {
	name := fmt.Sprintf("bench_base_%d_%s", s.Base, cmp.Or(s.Mix.IDs, mix.UUIDv4))
	if s.Mix.Topics > 0 {
		name += fmt.Sprintf("_%d_topics", s.Mix.Topics)
	}
	return name
}
