// Package ingottest is a stand-in for the server, for the tests of the publisher:
// the HTTP contract over a map, with faults on request.
//
//	POST /publish ──> Fault ──> decode ──> rows, index by (event_id, topic)
//	                    │                    │ Keep: lose, double or alter a row
//	                    └ before or after    ▼
//	                      storing      GET /events, /stats
//
// It is honest unless a test tells it not to be: a key is stored once and answered
// `stored` once, a 503 has stored nothing, and the feed has short and empty pages
// as the real one may. Without a Keep and a Fault, every audit of it must pass.
package ingottest
