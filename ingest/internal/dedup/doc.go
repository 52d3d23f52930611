// Package dedup guesses which keys exist already. The Bloom filter lives only
// here.
//
// The committer asks it once per event and tells it every key of a batch when that
// batch has committed, or has been sent and another may follow it. A guess picks a
// path, never an answer: what the filter suspects Postgres is asked about by its key,
// everything else goes the way of new rows, and the primary key decides. So a filter
// may be wrong in both directions and cost nothing but time; the variants that are
// wrong on purpose (see Parse) prove it.
//
// One goroutine at a time uses a Filter; its figures may be read by others. Nothing
// runs here, nothing has to be closed.
//
//	Add ──► [oldest][ .. ][newest]   generations of a fixed capacity; when the newest
//	                                 is full, the oldest is emptied and becomes the newest
//	Suspect ──► any of them
package dedup
