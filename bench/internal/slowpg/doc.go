// Package slowpg stands between an ingester and Postgres and makes commits slow: it holds back
// the answer to each COMMIT. The machine that the bench runs on may commit in 50 µs; a real disk
// takes 2 ms, a standby in another town 5.
//
//	ingester ──────────────── bytes as they are ───────────────> Postgres
//	         <── messages as they are; CommandComplete "COMMIT" ──
//	             waits first
//
// proxy.go stands there, relay.go reads the messages.
//
// It differs from a slow disk in two ways. With a slow disk, Postgres holds the locks of the
// transaction while it waits; here they are free by then. And a batch that was sent ahead waits
// there for the one before; here it runs meanwhile. Still, an answer to a COMMIT comes no sooner
// than the delay after the last one.
//
// For what ends and when, see package door, which listens and connects.
package slowpg
