// Package httpapi is the gate between the world and the pipeline: HTTP in, per-event results out.
// fasthttp lives only here.
//
// Package main makes a Server from a Publisher (the pipeline), a Reader and Subscriptions (the
// database) and a Feed, and serves it on a listener. The package owns the connections, the streams
// on them and the bytes of bodies in flight; all of them end with Shutdown. The budget is the
// number of bytes that all bodies together may take.
//
//	server.go serve.go budget.go   what a Server is made of, how it stops, how much it may hold
//
//	connection ─► listener.go  accepts it, or turns it away
//	                 │  conn.go      lets a refused client finish sending, notices one that has left
//	                 │  deadline.go  its deadlines, which a request extends at no cost
//	                 │  secured.go   TLS on top of them, if Config has it
//	                 │
//	              handle.go    one request: its id, panics, unknown routes, unread bodies
//	                 │  framing.go   where it ends, beyond doubt
//	                 │  hosts.go     whether it came for this server
//	                 │  route.go     which handler; instead.go, where else, if there is none
//	                 │  keys.go      whether its key allows it
//	                 │
//	  POST /publish  │  publish.go   one request from its body to its answer
//	                 │    media.go     what kind of body
//	                 │    body.go      its bytes, paid from the budget before they are read
//	                 │    inflate.go   gzip and zstd, paid as they grow
//	                 │    inflateerror.go  what is wrong with them
//	                 │    event.DecodeInto
//	                 │    Publisher.Submit
//	                 │    results.go   what became of each event
//	                 │
//	  GET /events    │  events.go    query.go: its parameters; one event by its key
//	                 │    read.go      what all reads have in common: their time, their turn, and why they fail
//	                 │  export.go    the same as NDJSON
//	  …/stream       │  stream.go    server-sent events, from the Feed
//	                 │    streamed.go  an answer that takes the connection over
//	  /subscriptions │  subscriptions.go; subscribe.go creates one, poll.go waits for its events
//	                 │    object.go     a small JSON body
//	  GET /stats     │  stats.go; /metrics metrics.go
//	  GET /healthz…  │  health.go
//	  GET / /docs    │  site.go live/ openapi.json swagger/
//	                 │  write.go      events and subscriptions as JSON, and what all JSON here is written with
//	                 │  respond.go    answers that are not refusals, and how long ones count until they are read
//	                 ▼
//	              refusal.go   the one table from errors to answers
//	              malformed.go what is not a request
//	              problem.go   every refusal, as RFC 9457
//	              failure.go   what is logged about them
//
// Invariants:
//
//   - No body is read before its bytes are taken from the budget; fasthttp reads ahead
//     at most 8 KiB of it. So the memory that senders can make the server hold is bounded
//     by connections × (8 KiB + buffers) + the budget + one inflater a core.
//   - An answer to POST /publish over 64 KiB counts in the budget until the next request
//     of its connection is read, or the connection is closed. Room for the answer to more
//     than 100 events is taken before anything is stored.
//   - The memory that readers can make the server hold is bounded by exports × two pages of
//     1 MiB + streams × what the feed lets wait for one + Limits.Reads of pages on their way
//     to clients, which count for as long as those answers do. A single event that is larger
//     than Limits.Reads goes when no other page is on its way.
//   - Answers of no fixed length (streams, exports) are bounded in number, have a
//     deadline for each write, and end when the client leaves or the server drains.
//   - A connection whose body was not read to its end is never used again: what is
//     left of the body would be taken for the next request. A body read to its end
//     is closed, so that a stream still there when the handler is done is unread.
//   - Nothing of a request is kept after its handler returns except the body,
//     which the events point into and whose memory is never reused.
package httpapi
