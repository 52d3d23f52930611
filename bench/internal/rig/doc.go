// Package rig sets a measurement up: a database, ingesters on it, and eyes on both.
//
//	Cluster    a private durable Postgres (or one that was given), and a fresh
//	           database for each round, or a copy of one
//	Fill       rows that are there before; Pour, more of them against the clock
//	Process    a child of this process: an ingester, or a server of a limit
//	Ingester   a Process that answers, with its address and its database
//	Usage      CPU time of client, ingesters and Postgres, and peak memory: /proc
//	Watch      /stats every 250 ms, for the curves of the report
//
// Everything that is started here is stopped by the Close or Stop of what started
// it; should this process be killed, the kernel ends its children.
package rig
