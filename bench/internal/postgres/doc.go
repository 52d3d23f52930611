// Package postgres is the Postgres that is measured on: its databases, and the rows that are in them beforehand.
//
//	cluster.go   starts a private durable Postgres, or takes one that was given; databases
//	             are created, copied and dropped
//	lock.go      one bench at a time on a Postgres that was given
//	fill.go      rows that are there before; vacuumed, and read once
//	pour.go      more of them against the clock: the limit pour
//
// A private server is stopped by the Close of its Cluster; should this process be killed, the kernel ends it.
package postgres
