// Package ingottest is a stand-in for the server, for the tests of the publisher: the HTTP contract
// over a map, with faults on request.
//
//	POST /publish ──> Fault ──> decode ──> rows, index by (event_id, topic)
//	                    │                    │ Keep: lose, double or alter a row
//	                    └ before or after    ▼
//	                      storing      GET /events, /stats
//
//	server.go                the Server, and what a test may ask of it
//	publish.go read.go       what is sent, pages and totals
//	stream.go subscription.go    the feed as it comes
//	network.go               connections in memory
//
// It is honest unless a test tells it not to be: a key is stored once and answered `stored` once, a
// 503 has stored nothing, and the feed has short and empty pages, as the real one may. Without a
// Keep and a Fault, every audit of it must pass.
package ingottest
