// Package writer writes batches of events into Postgres. Package main opens it and hands it to the
// pipeline, whose committers the Writer serves in turn. It owns three connections: one that
// writes, and two that look keys up.
//
// A batch (batch.go) is given ids (ids.go). A suspect is an event whose key the caller
// believes to exist. Unless they are few, suspects are looked up (lookup.go), and those
// that exist are left out. On the direct path every event is looked up until such guesses
// have proven right. The rest takes one of two paths, which path.go chooses.
//
// The staged path (staged.go) takes two round trips, while the next batch is looked up:
//
//  1. BEGIN, settings, and the merge (merge.go) of sorted rows: one INSERT .. SELECT .. ON CONFLICT
//     DO NOTHING RETURNING id. An id that does not come back belongs to a key that exists already.
//  2. ONE simple-protocol Query, the commit Query (commit.go): take the log's lock, now and then
//     fold the counts of topics into their sums (fold.go), write the row of the commit log, COMMIT.
//     No network gap can hold the lock, and that Query contains no text from a user except topics
//     in hex.
//
// The direct path (direct.go) takes one round trip: BEGIN, a check that those suspects exist
// that were not looked up, COPY of sorted rows straight into the table, and step 2, all in
// one Query. It fails if a key of the COPY exists, or a suspect does not; then the batch is
// staged (finish.go). While its answer is awaited the next such batch is sent (ahead.go):
// the backend goes from one to the other without a pause.
//
// A batch is in doubt if its COMMIT was sent and not answered cleanly. A fence resolves that
// (doubt.go): it tries to put a void row into the log in the place of the batch's own.
//
//	writer.go                    the Writer, and Merge
//	batch.go rows.go query.go    a batch on its way, and its bytes
//	crowd.go                     whether other writers write most batches
//	guesses.go                   how good the guesses about its keys were
//	session.go ready.go ids.go   the connection that writes, and what ends with it
//	answer.go                    what the server answers over it
//	looker.go                    the two connections that look keys up
//	classify.go                  what an error means for a batch
//	added.go policies.go         what somebody has added to the tables that refuses a row
//	withheld.go                  and what may keep one out without an error
//
// What this gives:
//
//   - The primary key decides what is new, and nothing else does.
//   - Batches do not deadlock: a transaction writes its keys in one sorted statement, before
//     it takes the log's lock, and after that only the fold and the log's row.
//   - commit_seq is the order in which batches became visible, because the lock is
//     released only after the commit.
//   - The first copy of a key in arrival order is the one stored: the others of its batch
//     are left out.
//   - If something fails before COMMIT is sent, certainly nothing is stored. After that the
//     same holds for an ERROR from the server; anything else but a clean COMMIT (a lost
//     connection, a FATAL, a warning, a missing tag) leaves the outcome unknown.
//
// Connections of the Writer never send a cancel request: cancelling a COMMIT that waits for a
// synchronous standby would make it look committed.
package writer
