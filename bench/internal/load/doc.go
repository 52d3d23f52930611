// Package load sends events and measures what comes back. It has two clients, because they
// answer two questions.
//
//	closed.go  "how much?"   n connections; each sends again once it has been answered.
//	   │                     A raw keep-alive client: a request costs it one write, one
//	   │                     read and no allocation, so that on a machine shared with
//	   │                     the server it takes little of the time. The same client
//	   │                     drives the limit and the ingester.
//	   ├─ conn.go            a connection: writes a request, reads a response
//	   ├─ request.go         the bytes of a request
//	   └─ response.go        as much of HTTP/1.1 as this needs
//	open.go    "how long?"   a fixed rate, whatever the answers do. It uses vegeta, which
//	                         is made for this; it tops out near 20,000 requests/s on two
//	                         cores, and turns closed-loop when it runs out of workers.
//	                         So the rate achieved is shown beside the rate asked for.
//
//	load.go                  what is sent, and for how long, by either client
//	tally.go                 what the answers say about the events, counted; and times
//	readers.go               readers of pages, beside either client
//
// Both take events from a mix.Source and hand each answered request to Ack, for the truth check.
// Goroutines end with the call that started them.
package load
