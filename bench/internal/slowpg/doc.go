// Package slowpg stands between an ingester and Postgres and makes commits slow:
// the answer to each COMMIT is held back. The machine the bench runs on may commit
// in 50 µs; a real disk takes 2 ms, a standby in another town 5.
//
//	ingester ──────────────── bytes as they are ───────────────> Postgres
//	         <── messages as they are; CommandComplete "COMMIT" ──
//	             waits first
//
// proxy.go has the connections, relay.go the messages.
//
// What it does not imitate: with a slow disk Postgres holds the locks of the
// transaction while it waits, here they are free by then; and a batch that was sent
// ahead waits there for the one before, while here it runs meanwhile. An answer to a
// COMMIT still comes no sooner than the delay after the last one.
//
// A Proxy owns its listener and two goroutines a connection; Close ends them all.
package slowpg
