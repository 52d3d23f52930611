// Package rig sets a measurement up: a database, ingesters on it, and eyes on both.
//
//	cluster.go   a private durable Postgres (or one that was given), and a fresh
//	             database for each round, or a copy of one
//	claim.go     one bench at a time on a Postgres that was given
//	fill.go      rows that are there before; pour.go, more of them against the clock
//	ingester.go  a Server: an ingester, the server of a limit, or one that was given
//	process.go   the child of this process that it is
//	usage.go     CPU time of client, ingesters and Postgres, and peak memory: /proc
//	debug.go     what an ingester has allocated, and its profile
//	watch.go     /stats every 250 ms, for the curves of the report
//
// Everything that is started here is stopped by the Close or Stop of what started
// it; should this process be killed, the kernel ends its children.
package rig
