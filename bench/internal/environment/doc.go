// Package environment is what all rounds of a run share, below one data folder: the lock that keeps another bench out, the
// Postgres, the ingester's binary, and the logs. Each command opens one, and closes it in the end.
//
//	environment.go   builds the ingester (or takes one), starts Postgres (or takes one), and stops it
//	lock.go          keeps another bench out of the folder
//	logs.go          a folder for the logs of this run, and that of the one before
//	machine.go       where, when and on what is measured: a result without figures
package environment
