// Package dedup guesses which keys exist already. The Bloom filter lives only
// here.
//
// A committer of the pipeline asks it once per event. It tells the filter the keys of a batch,
// but for those that the filter suspected, when that batch has committed, or before: as soon
// as another batch may come behind it. A guess picks a path, never an answer. A key that the
// filter suspects is looked for in Postgres, every other goes the way of new rows, and the
// primary key decides. So a filter may be wrong in both directions and cost nothing but time;
// the variants that are wrong on purpose (see Parse) prove it.
//
// One goroutine at a time uses a Filter; its figures may be read by others. Nothing
// runs here, nothing has to be closed.
//
//	filter.go     the filter
//	variants.go   the one that the flag asks for, and those that are wrong on purpose
//
//	Add ──► [oldest][ .. ][newest]   generations of a fixed capacity; when the newest
//	                                 is full, the oldest is emptied and becomes the newest
//	Suspect ──► any of them, behind the hashes of the keys met last
package dedup
