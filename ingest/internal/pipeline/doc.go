// Package pipeline turns the requests of many clients into few batches and gives
// each request its answer. The HTTP gate calls Submit; package main calls Run and
// ends it by ending its context. The pipeline owns the waiting and nothing else:
// it knows neither HTTP nor SQL.
//
//	Submit ──► accept.go    the queue: bounded in events and bytes; full -> refused now
//	              │
//	              ▼
//	           batch.go     what has queued up while the committers were busy; no timer
//	           flight.go    a batch under way, and when the next may follow it
//	              │
//	              ▼
//	           commit.go    two committers in turn: retry, split, give up
//	           attempt.go   one Merge, and what is noted when it begins and ends ──► Store
//	           suspect.go   asks the filter, and tells it keys once they are sent ──► Filter
//	              │        sidelane.go  what waits: held keys, halves of a batch when many are halved
//	              ▼
//	           deliver.go   every waiting request gets its results, once
//
// Five goroutines meet here: a caller of Submit, two committers, the reaper, and one that
// waits for the stop; Run starts and awaits all but the first.
//
//  1. Submit puts a request into the queue and waits on its answer slot.
//  2. A committer takes requests off the head of the queue, in order, until the
//     batch is large enough or the queue is empty. It never splits a request.
//     What could not be answered in time any more is refused first.
//  3. It sees to it that the store has a connection, marks the requests as attempted and
//     calls Store.Merge, which tells when COMMIT is sent, and when the store takes
//     another batch though this one is not answered yet. Then the other committer may
//     take one, if as much is queued. The store runs them one
//     after the other: while it writes the first, the second is got ready and sent.
//  4. It settles the outcome: results, a retry after a pause, or an error.
//  5. The reaper answers requests whose deadline has passed: not stored while they
//     are queued or between attempts, unknown while an attempt is under way (it
//     may still commit; the committer finishes it all the same).
//  6. At the stop the queue is closed, and the committers go on until all lanes are
//     empty. When the time for draining is over their work is cut short: what was sent
//     is unknown then, and what is left is refused.
//
// Invariants:
//
//   - Each request is answered exactly once. The answered flag is guarded by the
//     mutex, the slot has room for one, so nobody blocks on a waiter.
//   - A request is told "not stored" only when no attempt on it has begun that
//     might have committed.
//   - Events and bytes of a request count against the queue's bounds until its
//     committer is done with it, answered or not.
//   - A request that is to blame for a failed attempt (bad data, a held key) hurts
//     no other one: batches are halved until it is alone. Only so many are halved
//     in a second; the other halves wait in the side lane for their turn.
//   - Only the last flight may be one that is not on its way yet. Its committer alone
//     asks the filter and teaches it, so a batch suspects the keys of the one before.
//   - Only Submit adds to the queue, and nothing once draining has begun. Committers
//     take from it; what is due there is refused by whoever comes across it first.
package pipeline
