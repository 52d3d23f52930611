// Package limit measures what no ingester can beat on the same machine, in the
// same minute, with the same bytes; and what a plain one reaches.
//
//	copy.go     raw COPY into a table like ingot.events: rows a second, the bound
//	            for arrays
//	commit.go   one row, INSERT and COMMIT, the median: what "a commit" costs here
//	nothing.go  an HTTP server that answers without doing anything: the bound for
//	            single events
//	bare.go     an HTTP server that has the rows of many requests committed by COPY, and
//	            reads, looks up and logs nothing: what a promise costs is held against it
//	naive.go    an HTTP server with one INSERT .. ON CONFLICT per request on a pool
//	            of 32 connections: what one would write first
//
// The servers run in processes of their own (`bench nothing`, `bench bare`, `bench naive`), as
// the ingester does, and are driven by the same client with the same requests.
// Nothing here outlives the call that made it.
package limit
