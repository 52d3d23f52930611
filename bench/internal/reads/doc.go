// Package reads measures what readers wait for on a large table, while others write
// to it, and whether what they get is right. `bench reads` calls it.
//
//	expect.go   what a page must hold: events are a function of their number, and
//	   │        events 0..rows-1 are the first in the feed, in this order
//	kinds.go    the kinds of reads, each with its goal and its check
//	   │
//	reads.go    all kinds in turn, one read at a time, over one connection (client.go)
//	   │
//	figure.go   median, p99 and most of each, held against the goal; the table
//
// Time is that of a request from its first byte to the last of its answer; the check
// comes after it. A read whose answer is wrong ends the run: there is no figure.
//
// The package owns its HTTP client and starts no goroutine.
package reads
