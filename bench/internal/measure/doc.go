// Package measure measures a scenario: rounds of it, and between them the limits that it is held against. Commands call
// Scenario for all of that, or SetUp, Load, Check and TearDown for a round of their own (bench pair, reads, streams).
//
//	scenario.go        limit, round, limit, round, .. limit
//	   │  ├── limit.go       a limit: raw COPY, the server of a limit, a commit, another scenario
//	   │  └── round.go       a round: set up, warm up, load in the window, truth check, tear down
//	   │        ├── setup.go        database, ingesters
//	   │        ├── database.go     fresh, emptied, or a copy of a full table
//	   │        ├── diskspace.go    if there is room for that
//	   │        ├── steadystate.go  a full table in the state of one in use
//	   │        ├── ramp.go         the open loop: one rate, or several up to where they are not kept up with
//	   │        ├── figures.go      what a load came to, as a result keeps it
//	   │        └── profile.go      where the ingester's processor time went
//	   ▼
//	package result     the figures of every round
//
// A Round owns its database, its proxy and its ingesters; TearDown ends them. A Limit owns what Close ends.
package measure
