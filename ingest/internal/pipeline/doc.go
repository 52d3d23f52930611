// Package pipeline turns the requests of many clients into few batches and gives each request its
// answer. The HTTP gate calls Submit; package main calls Run and ends it by ending its context. The
// pipeline owns the waiting and nothing else: it knows neither HTTP nor SQL.
//
// A batch is some requests whose events are stored in one transaction, an attempt one
// try at that. A flight is a batch in the hands of the committer that took it. A parked
// request waits in the side lane for a later try. A parcel is what is tried together from
// there: one such request, or part of a batch.
//
//	Submit ──► accept.go    the queue: bounded in events and bytes; full -> refused now
//	              │
//	              ▼
//	           batch.go     what has queued up while the committers were busy
//	           linger.go    what a batch waits for while other processes write most batches
//	           flight.go    a batch under way, and when the next may begin behind it
//	              │
//	              ▼
//	           commit.go    two committers in turn: retry, split, give up
//	           size.go      smaller attempts when the store takes too long for large ones
//	           narrow.go    which request is to blame for an unexplained error
//	           attempt.go   one Merge, and what is noted when it begins and ends ──► Store
//	           suspect.go   asks the filter which keys may exist, and teaches it keys ──► Filter
//	              │        sidelane.go  what is parked: held keys, unexplained errors, halves when many batches are halved
//	              ▼
//	           deliver.go   every waiting request gets its results, once
//	           expire.go    or, at its deadline, what is known by then
//
//	pipeline.go    what it is made of, and how it runs and stops
//	stats.go       its figures
//
// Five goroutines meet here: a caller of Submit, two committers, the reaper, and the caller of Run,
// which starts and awaits these three and waits for the stop.
//
//  1. Submit puts a request into the queue and waits on its answer slot.
//  2. A committer takes requests off the head of the queue, in order, until the
//     batch is large enough or the queue is empty. It never splits a request. Small
//     requests from behind large ones come along, as far as an eighth of a batch. While other
//     processes write most batches it waits a moment first, for clients that were just answered.
//     Requests that have too little time left for an attempt are refused first.
//  3. It makes sure that the store has a connection, marks the requests as attempted and
//     calls Store.Merge. Merge tells when COMMIT is sent. It also tells when the store can
//     take another batch although this one is not answered yet: then the other committer
//     may take one, if as much is queued. The store writes them one after the other, but
//     the second is prepared, and may be sent, while the first is written.
//  4. It settles the outcome: results, a retry after a pause, fewer requests first, two halves, or an error.
//  5. The reaper answers requests whose deadline has passed: not stored while they
//     are queued or between attempts, unknown while an attempt is under way (it
//     may still commit; the committer finishes it all the same).
//  6. At the stop the queue is closed, and the committers go on until queue and side lane
//     are empty. When the time for draining is over their work is cut short: the outcome of
//     a batch whose COMMIT was sent is unknown then, and all other requests are refused.
//
// Invariants:
//
//   - Each request is answered exactly once: the mutex guards its answered flag. Its
//     slot has room for one answer, so that nobody blocks on a waiter.
//   - A request is told "not stored" only when every attempt on it that has begun
//     certainly did not commit.
//   - Events and bytes of a request count against the queue's bounds until its
//     committer is done with it, answered or not.
//   - A request that is to blame for a failed attempt (bad data, a held key, an error that
//     comes with no other request) hurts no other: its batch is halved until it is alone.
//     Only so many batches a second are halved at once; the halves of any more are parked.
//   - A flight is ahead once the store takes another batch behind it; its committer has
//     asked the filter by then, and taught it. The next flight begins only then. So one
//     committer at a time uses the filter, and a batch suspects the keys of the one before.
//   - Only Submit adds to the queue, and nothing once draining has begun. Committers
//     take from it; a request there whose deadline has passed is refused by whoever
//     comes across it first, a committer or the reaper.
package pipeline
