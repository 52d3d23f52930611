// Package client speaks Ingot's HTTP contract: it publishes a batch until the fate of every event
// in it is known, and reads events back.
//
//	Publish ──> attempt ──> judge ──────────────> Result
//	   ▲         (one        │ answer.go: which
//	   │        request)     │ event became what
//	   │                     ▼
//	   └── retry.go <── try again: 408 429 503 504 5xx, no answer
//
//	Stats, Feed, Lookup ──> the same loop, for reading (read.go)
//	Follower            ──> the feed as it comes: a stream (stream.go, made of block.go), or
//	                        pages of a subscription
//
//	client.go                    the Client, and one request of it
//	publish.go answer.go         a batch, and what became of its events
//	retry.go                     what is tried again, and what is final
//	problem.go                   what a refusal says
//	read.go                      totals, pages and keys
//	follower.go stream.go block.go subscription.go    the feed as it comes
//
// A batch is always sent again with the same bytes, and so with the same ids: that makes a retry
// safe. An attempt that may have stored its batch without saying so (504, another 5xx, a 2xx with
// nothing in it, a cut connection, a timeout) leaves the outcome open, and no later refusal closes
// it again: 503 says that this attempt stored nothing, not that none did. Only an answer about the
// events themselves settles them. An error that is not one of Ingot's problem documents says
// nothing about the events, whatever its status. With Client.Insist, what refuses whoever asks is asked again as well.
//
// A Follower comes back with the last id of its stream, so that nothing is missing and nothing is
// repeated. From a subscription, what was not committed comes again. A timer cuts a stream when not
// even heartbeats come.
//
// A Client starts no goroutine that outlives a call, apart from those of the connections that the
// Transport keeps; Close ends the idle ones.
package client
