// Package dedup guesses which keys exist already. The Bloom filter lives only here.
//
// A committer of the pipeline asks the filter once for each event (Suspect). It adds the keys of
// a batch that the filter did not suspect (Add) as soon as another batch may come behind that
// batch, at the latest when the batch has committed. A guess picks a path, never an answer: a
// key that the filter suspects is looked for in Postgres, any other takes the path of new
// rows, and the primary key decides. So a filter may be wrong in both directions and cost
// nothing but time; the variants that are wrong on purpose (see Parse) prove it.
//
// One goroutine at a time uses a Filter; others may read its figures. The package starts
// nothing, and nothing has to be closed.
//
//	filter.go     the filter
//	variants.go   picks the one that the flag asks for; has those that are wrong on purpose
//
//	Add ──► [oldest][ .. ][newest]   generations of a fixed capacity; when the newest
//	                                 is full, the oldest is emptied and becomes the newest
//	Suspect ──► first the hashes of the keys met last, then the generations
package dedup
