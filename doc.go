// Package ingot is the map of the project. It holds the schema of the database and no running
// code.
//
// Ingot takes events over HTTP and stores each one in Postgres exactly once. It gathers the
// events of many requests into one batch, answers a request only after its batch has committed,
// and says what became of each event.
//
//	publisher/           simulates services or sends files, retries, audits the promise, and follows
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
//	     retention           deletes the oldest events
//	     postgrestest        how tests of these begin and end
//	   internal/feed       committed events to subscribers, as they come
//	   internal/storetest  the contract of a store, and a fake that keeps it; for tests
//	   │
//	   ▼
//	internal/            shared by several binaries
//	   event               the event, its rules, its decoder
//	   localpg             a private Postgres from the programs on the machine; getpostgres fetches some
//	   subprocess          a child process that is waited for and does not outlive its parent
//	   stopsignal          when a program has to stop: cleanly, or at once
//	   door                what proxies for the torture tests and the benchmarks stand on
//	   pgtest certtest buildtest ptytest   Postgres, certificates, the binaries, and a terminal, for tests
//	   workload            seeded events for the publisher and the benchmarks
//	   version             which build is running
//
//	tools/               linters, and the tests of the container files and of openapi.json; a separate module
//	torture/             hurts the real binaries, and checks what is left against the promise
//	bench/               measures the whole against the limits of the machine
//
// A package below ingest/internal imports internal/event, this package, the standard library,
// zap, small leaf modules, the one large library that it hides, and the package that it stands
// below; never a sibling. imports_test.go checks that. docs/design.md is the design.
package ingot
