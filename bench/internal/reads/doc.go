// Package reads measures how long readers wait on a large table while others write to it, and
// checks whether they get the right answers. `bench reads` calls it.
//
//	check.go    what a page must hold: events are a function of their number, and
//	   │        events 0..Rows-1 are the first in the feed, in this order
//	kinds.go    the kinds of reads, each with its goal and its check
//	   │
//	reads.go    all kinds in turn, one read at a time, over one connection (client.go)
//	   │
//	figure.go   median, p99 and maximum of each, compared with the goal; the table
//
// A request is timed from its first byte to the last byte of its answer; the check comes after
// that. A read with a wrong answer ends the run: there is no figure.
//
// The package owns its HTTP client and starts no goroutine.
package reads
