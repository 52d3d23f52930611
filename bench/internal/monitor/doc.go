// Package monitor watches the measured processes from outside.
//
//	usage.go     CPU time of client, ingesters and Postgres, and peak memory: /proc
//	pprof.go     what an ingester has allocated, and its profile
//	sampler.go   /stats every 250 ms, for the curves of the report
//
// A Sampler owns one goroutine, which Stop ends.
package monitor
