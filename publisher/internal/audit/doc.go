// Package audit checks whether the server has kept its promise: every acknowledged event is in the
// database, once, as it was sent. It reads back only through the API.
//
//	tally: which events were acknowledged      Events: made again, or their digests
//	          │                                     │
//	          ▼                                     ▼
//	Run ──> walk    the whole feed, in order  ──> check ──> Verdict
//	   └──> lookup  key by key, when the table is much larger than the run
//
// (Run is in audit.go, and walk, lookup, check and Remade each in the file of that name.)
//
// Nothing is kept here but an index of the run's keys: each row is compared with its event, made
// again (Remade), or with what the caller remembers of it. lookup starts goroutines and waits for
// them; nothing outlives Run.
package audit
