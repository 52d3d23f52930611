// Package audit holds the server to its promise: every acknowledged event is in
// the database, once, as it was sent. It reads back through the API only.
//
//	ledger: which events were acknowledged      Events: any event, made again
//	          │                                     │
//	          ▼                                     ▼
//	Run ──> walk    the whole feed, in order  ──> check ──> Verdict
//	   └──> lookup  key by key, when the table is much larger than the run
//
// Nothing of the run is kept but an index of its keys: each row is compared with
// its event, made again. Lookup starts goroutines and waits for them; nothing
// outlives Run.
package audit
