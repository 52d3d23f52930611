// Package postgres writes batches of events into Postgres and reads them back.
// pgx lives only here.
//
// Package main opens it, hands the Writer to the pipeline and the Reader to the
// HTTP gate. The Writer serves the committers in turn and owns three connections, of which
// two only look keys up; the Reader owns a small pool, reads as many pages at a time, and may be used by everybody.
// Subscriptions own another: they write.
//
// A batch (writer.go) is given ids, and the keys that somebody suspects to exist are
// looked up (lookup.go), unless they are few. What is left goes one of two ways, which path.go chooses.
//
// The staged way (staged.go), in two round trips, while the next batch is looked up:
//
//  1. BEGIN, settings, and the merge (merge.go) of sorted rows: one INSERT .. SELECT ..
//     ON CONFLICT DO NOTHING RETURNING id. An id that does not come back belongs to a key that
//     exists already.
//  2. ONE simple-protocol Query (commit.go): take the log lock, now and then fold the
//     counts of topics (topics.go), write the row of the commit log, COMMIT. No network gap can hold
//     the lock, and no text of a user stands in that Query but topics in hex.
//
// The direct way (direct.go), in one: BEGIN, a check of the suspects that were not
// looked up, COPY of sorted rows straight into the table, and step 2, all in one
// Query. A key that exists breaks it, a suspect that does not exist as well, and the
// batch is staged (finish.go). While its answer is awaited the next such batch is sent (ahead.go):
// the backend goes from one to the other without a pause.
//
// A COMMIT that was sent and not answered is resolved by a fence (doubt.go). Reading
// walks the commit log (feed.go) or goes by id (browse.go); find.go tells where the rows
// of a batch stand, fetch.go reads them. A Pruner deletes the head of the log, with its events (prune.go).
//
//	batch.go rows.go query.go    a batch on its way, and the bytes of it
//	session.go ready.go ids.go   the connection that writes, and what dies with it
//	looker.go                    the two that look keys up
//	connect.go dial.go           how any of them is opened, and noticed when it is dead
//	classify.go durability.go    what an error means, and what a COMMIT is worth here
//	reader.go log.go span.go     pages: the pool, rows of the log, since and until
//	window.go places.go          the batches of a step, and the SQL that finds their rows
//	subscriptions.go             places that are kept under a name
//	migrate.go verify.go         the schema, and whether the tables agree
//	tables.go                    what somebody has done to them
//
// What this gives:
//
//   - The primary key decides what is new, and nothing else does.
//   - Keys are written before the log lock is taken and nothing but the log is
//     written after; one sorted statement a transaction: batches do not deadlock.
//   - commit_seq is the order in which batches became visible, for the lock is
//     let go only after the commit is.
//   - The first copy of a key in arrival order is the one stored: the others of its batch
//     are left out.
//   - A failure before COMMIT is sent is certainly none. After it, an ERROR from
//     the server is the same; anything else but a clean COMMIT (a lost connection,
//     a FATAL, a warning, a missing tag) is an outcome nobody knows.
//
// Connections of the Writer never send a cancel request: cancelling a COMMIT
// that waits for a synchronous standby would make it look committed.
package postgres
