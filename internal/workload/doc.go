// Package workload invents the events that the publisher and the benchmarks send: five services of
// a shop, each with its topics and its payloads.
//
// Event i of a seed is a pure function of (seed, i). Nobody has to keep events in memory: whoever
// knows the seed can make event i again, byte for byte, on any machine and on any day. That is what
// an audit compares the database with.
//
//	seed ── Generator ──> Event(i)          what is sent (generator.go, of
//	  │                                      draw.go services.go payload.go)
//	  └──── Plan ───────> All(): 0 1 0 2 ..  in which order, with repeats (plan.go)
//	                       │
//	                       ▼
//	                    AppendJSON           the bytes that POST /publish takes (wire.go)
//
// The package owns no state and starts nothing; every value in it may be shared between goroutines.
package workload
