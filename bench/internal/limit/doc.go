// Package limit measures what no ingester can beat on the same machine, in the same minute, with
// the same bytes; and what a plain one reaches.
//
//	copy.go     raw COPY into a table like ingot.events, in rows per second: the limit for
//	            arrays
//	commit.go   one row, INSERT and COMMIT, the median: what "a commit" costs here
//	nothing.go  an HTTP server that answers without doing anything: the limit for single
//	            events
//	bare.go     an HTTP server that commits the rows of many requests by COPY, and reads,
//	            looks up and logs nothing: it shows what a promise costs
//	naive.go    an HTTP server with one INSERT .. ON CONFLICT per request, on a pool of
//	            32 connections: what one would write first
//
// Each server runs in a process of its own (the hidden command `bench limit-server`), as the
// ingester does, and gets the same requests from the same client. Nothing here outlives the call
// that made it.
package limit
