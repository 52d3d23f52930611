// Package load sends events and measures what comes back. It has two clients,
// because they answer two questions.
//
//	closed.go  "how much?"   n connections, each sends again when it was answered.
//	   │                     A raw keep-alive client: a round costs it one write, one
//	   │                     read and no allocation, so that on a machine it shares
//	   │                     with the server little of the time is its own. The same
//	   │                     client drives the limit and the ingester.
//	   ├─ conn.go            a connection: write a request, read a response
//	   ├─ request.go         the bytes of a request
//	   ├─ response.go        the least of HTTP/1.1 that this takes
//	   └─ answer.go          what a response says of the events
//	open.go    "how long?"   a fixed rate, whatever the answers do. vegeta, which is
//	                         made for it; it tops out near 20,000 requests/s on two
//	                         cores, and turns closed-loop when it runs out of
//	                         workers: so the rate achieved stands beside the rate asked.
//
//	tally.go                 counts and times, of either client
//	readers.go               readers of pages, beside either client
//
// Both deal events from a mix.Source and hand each request that was answered to
// Ack, for the truth check. Goroutines end with the Run that started them.
package load
