// Package environment holds what all rounds of a run share, below one data folder: the lock that keeps another bench out,
// the Postgres, the ingester's binary, and the logs. Each command opens one, and closes it at the end.
//
//	environment.go   builds the ingester and starts Postgres, or takes given ones; stops what it started
//	folder.go        keeps another bench out of the data folder; the logs of this run in it, and of the run before
//	machine.go       where, when and on what a run measures: a result without figures
package environment
