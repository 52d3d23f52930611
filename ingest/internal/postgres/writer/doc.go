// Package writer writes batches of events into Postgres. Package main opens it and hands
// it to the pipeline, whose committers the Writer serves in turn. It owns three
// connections, of which two only look keys up.
//
// A batch (writer.go) is given ids. A suspect is an event whose key the caller believes to
// exist. Unless they are few, suspects are looked up (lookup.go), and those that exist are
// left out. Until those guesses have proven right, the direct way has every event looked up.
// What is left goes one of two ways, which path.go chooses.
//
// The staged way (staged.go) takes two round trips, while the next batch is looked up:
//
//  1. BEGIN, settings, and the merge (merge.go) of sorted rows: one INSERT .. SELECT ..
//     ON CONFLICT DO NOTHING RETURNING id. An id that does not come back belongs to a key that
//     exists already.
//  2. ONE simple-protocol Query (commit.go): take the log lock, now and then fold the
//     counts of topics into their sums (fold.go), write the row of the commit log,
//     COMMIT. No network gap can hold the lock, and no text of a user stands in that
//     Query but topics in hex.
//
// The direct way (direct.go) takes one: BEGIN, a check that the suspects exist which were
// not looked up, COPY of sorted rows straight into the table, and step 2, all in one
// Query. It fails where a key of the COPY exists, or a suspect does not, and the batch is
// staged (finish.go). While its answer is awaited the next such batch is sent (ahead.go):
// the backend goes from one to the other without a pause.
//
// A batch is in doubt whose COMMIT was sent and not answered cleanly. A fence resolves
// that (doubt.go): it tries to put a void row into the log in the place of the batch's.
//
//	batch.go rows.go query.go    a batch on its way, and the bytes of it
//	crowd.go                     whether other writers write most batches
//	guesses.go                   how good the guesses about its keys were
//	session.go ready.go ids.go   the connection that writes, and what dies with it
//	looker.go                    the two that look keys up
//	classify.go                  what an error means for a batch
//	added.go policies.go         what somebody has added to the tables and refuses a row
//
// What this gives:
//
//   - The primary key decides what is new, and nothing else does.
//   - Keys are written before the log lock is taken, and nothing but the fold and the
//     log's row after; one sorted statement a transaction: batches do not deadlock.
//   - commit_seq is the order in which batches became visible, for the lock is
//     let go only after the commit is.
//   - The first copy of a key in arrival order is the one stored: the others of its batch
//     are left out.
//   - Where something fails before COMMIT is sent, certainly nothing is stored. After
//     that the same goes for an ERROR from the server; anything else but a clean COMMIT
//     (a lost connection, a FATAL, a warning, a missing tag) is an outcome nobody knows.
//
// Connections of the Writer never send a cancel request: cancelling a COMMIT
// that waits for a synchronous standby would make it look committed.
package writer
