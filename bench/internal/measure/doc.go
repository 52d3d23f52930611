// Package measure measures a scenario: rounds of it, with measurements of its limits between them. Commands call Scenario for
// all of that, or SetUp, Load, Check and TearDown for a round of their own (bench pair, reads, streams).
//
//	scenario.go        limit, round, limit, round, .. limit
//	   │  ├── limit.go       a limit: raw COPY, the server of a limit, a commit, another scenario
//	   │  └── round.go       a round: set up, warm up, load in the window, truth check, tear down
//	   │        ├── setup.go        database, ingesters
//	   │        ├── database.go     fresh, emptied, or a copy of a full table if there is room for it
//	   │        ├── steadystate.go  brings a full table into the state of one in use
//	   │        ├── ramp.go         the open loop: one rate, or rising ones until it no longer keeps up
//	   │        └── figures.go      what a load came to, as a result keeps it
//	   ▼
//	package result     the figures of every round
//
// A Round owns its database, its proxy and its ingesters; TearDown ends them. A Limit owns what Close ends.
package measure
