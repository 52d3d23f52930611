// Package postgres provides the Postgres that the bench measures on: its databases, and the rows that are in them beforehand.
//
//	cluster.go   starts a private durable Postgres, or takes a given one; creates, copies and
//	             drops databases
//	lock.go      keeps a given Postgres to one bench at a time
//	query.go     runs SQL on a database, and asks the log how many rows there are
//	fill.go      rows that are there beforehand; vacuumed, and read once
//	pour.go      more of them against the clock: the limit pour
//
// A private server is stopped by the Close of its Cluster; if this process is killed, the kernel ends it.
package postgres
