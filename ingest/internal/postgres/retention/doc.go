// Package retention deletes the oldest batches of the log, whole, with their events. Package main
// runs a Pruner, which owns one connection, for as long as the server runs with --retention.
//
// It deletes in steps (prune.go). A step is one transaction:
//
//  1. It takes an advisory lock: one pruner works at a time, of all instances.
//  2. It reads the oldest rows of the log. A batch may be deleted if the next batch was committed before the cutoff too,
//     and if a later batch is marked as folded, so that ingot.topics counts what the deleted batches have stored. One
//     from a time when the clock was ahead is as old as the next that is not (oldestQuery).
//  3. It deletes their events, by the slices of their ids, and their rows of the log (deleted.go).
//  4. In one Query with the COMMIT it takes the log's lock, and subtracts what was deleted from the topics' counts.
//
// What this gives:
//
//   - The log loses its oldest rows and nothing else. A place of the feed is gone exactly when its batch is, and readers
//     are told so (logFrom of package reader). commit_seq and the totals go on, because the newest row stays.
//   - The topics' counts are those of the events at any time (postgres.Verify).
//   - A batch that writes a key which is being deleted waits until the step ends, and then stores it. No step waits for
//     a batch that waits for the step: a batch that holds the log's lock has written all its keys.
package retention
