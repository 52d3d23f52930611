// Package measure measures what the commands of the bench are asked for.
//
//	pair.go            two ingesters, loaded in turn
//	reads.go           reads of a large table, while it is written to (package reads)
//	streams.go         streams that follow (package streams)
//	scenario.go        a scenario: limit, round, limit, round, .. limit
//	   │  ├── limit.go       a limit: raw COPY, the server of a limit, a commit, another scenario
//	   │  └── round.go       a round: set up, warm up, load in the window, truth check, tear down; the others begin and
//	   │        │            end as one
//	   │        ├── setup.go        database, ingesters
//	   │        ├── database.go     fresh, emptied, or a copy of a full table if there is room for it
//	   │        ├── steadystate.go  brings a full table into the state of one in use
//	   │        ├── ramp.go         the open loop: one rate, or rising ones until it no longer keeps up
//	   │        └── figures.go      what a load came to, as a result keeps it
//	   ▼
//	package result     the figures of every round
//
// A round owns its database, its proxy and its ingesters; tearDown ends them. A Limit owns what Close ends.
package measure
