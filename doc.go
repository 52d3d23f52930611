// Package ingot is the map of the project; it holds the schema of the database
// and nothing that runs.
//
// Ingot takes events over HTTP and makes each one a row in Postgres exactly
// once. It gathers the events of many requests into a batch, answers a request only
// after its batch has committed, and says per event what became of it.
//
//	publisher/           plays services or sends files, retries, audits what was promised, and follows
//	   │  HTTP
//	   ▼
//	ingest/              the server: package main wires the packages below internal/
//	   internal/httpapi    the gate: HTTP in, per-event results out    (fasthttp)
//	   internal/keys       who may do what
//	   internal/pipeline   accept, batch, commit, deliver: owns the waiting
//	   internal/dedup      guesses which keys exist                     (bloom)
//	   internal/postgres   connections, schema; below it                (pgx)
//	     writer              merge, commit log, doubt
//	     reader              pages, totals, subscriptions
//	     retention           deletes the oldest
//	     postgrestest        what their tests begin and end with
//	   internal/feed       committed events to subscribers, as they come
//	   internal/storetest  what a store promises, and a fake that keeps it; for tests
//	   │
//	   ▼
//	internal/            what several binaries share
//	   event               the event, its rules, its decoder
//	   localpg             a private Postgres from the binaries of the machine; getpostgres fetches some
//	   subprocess          a child that is waited for, and does not outlive its parent
//	   stopsignal          when a program is to stop: in order, or at once
//	   pgtest certtest buildtest ptytest   Postgres, certificates, the binaries, and a terminal, for tests
//	   workload            seeded events for the publisher and the benchmarks
//	   version             which build runs
//
//	tools/               linters, and the tests of the container files and of openapi.json, a module of its own
//	torture/             hurts the real binaries, and holds what is left to the promise
//	bench/               measures the whole against its limits
//
// A package below ingest/internal imports internal/event, this package, the standard
// library, zap, small leaf modules, the one big library it hides, and the package that
// it stands below; never a sibling. imports_test.go holds it to that. docs/design.md is the design.
package ingot
