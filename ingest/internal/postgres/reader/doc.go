// Package reader reads back what was committed. Package main opens Readers for the HTTP gate and
// the feed, and Subscriptions for the gate.
//
//   - A Reader owns a small pool, and reads as many pages at a time as that has
//     connections. Any goroutine may use it.
//   - Subscriptions own another pool, because they write.
//
// A page is read along the commit log (feed.go) or by id (browse.go); find.go finds where
// the rows of a batch are, fetch.go reads them.
//
//	reader.go          who reads pages; totals, and single events
//	log.go span.go     rows of the log, since and until
//	window.go          the batches of a step
//	places.go          the SQL that finds where their rows are
//	subscriptions.go   places in the feed, kept under a name
package reader
