// Package feed brings committed events to subscribers as they are committed, in the order of the
// commit log. A place is a position in that order.
//
// Package main makes a Hub, runs it, and hands it to the HTTP gate, which subscribes once for each
// stream and each long poll. The Hub owns one goroutine, Run; a Subscriber belongs to the
// goroutine that calls Next, and owns nothing that outlives Close.
//
//	hub.go         Run, which reads for all subscribers
//	subscriber.go  Next: pages until it has caught up, then what the buffer brings
//	buffer.go      the buffer between the two
//
// How an event gets to a subscriber:
//
//  1. Somebody commits. This process says so (Wake); other processes' commits are
//     seen at the next poll of the log.
//  2. Run reads on from where it was, once for all subscribers, and puts each event
//     into the buffers of the subscribers whose filters it passes. It then rests for a
//     moment, so that a thousand small commits take only a few queries.
//  3. Next takes events out of the buffer.
//
// How a subscriber catches up with Run:
//
//  1. It reads pages by itself, with its own filters, until one says that nothing is
//     committed after it. That is place P.
//  2. It joins: from now on Run, which is at place H, puts events that it reads and that
//     lie after P into the buffer. Where nobody else listens, Run is told to go on
//     from P, and H is P.
//  3. If P lies before H, it reads the pages from P to H, and drops what they hold
//     after H: that is in the buffer. Now it is live.
//  4. A buffer that overflows sends it back to 1, from the end of what the buffer
//     holds. So a burst costs the subscriber queries of its own, and no event is lost.
//
// What this gives:
//
//   - A subscriber gets every event after the place that it began with, once, in order:
//     what Run reads from H on is after H, what the subscriber reads itself is not.
//   - Each answer of Next comes with a place up to which nothing is missing, even when
//     no event passed the filters: an idle stream can be resumed from there.
//   - Memory is bounded: a buffer holds at most Buffer events of BufferBytes in all, and
//     not the pages that they came in. Buffers share their events.
//   - A subscriber that has not called Next for Stall when its buffer overflows is cut
//     off. Nobody else notices: Run waits for no subscriber.
package feed
