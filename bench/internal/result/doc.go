// Package result is what the bench leaves behind: one JSON document with every round,
// from which the table, the report and a comparison are made. Nothing is averaged before it is
// written.
//
//	result.go   the document of bench run
//	readers.go  those of bench reads and bench streams
//	ratio.go    a round against its limits
//	file.go     reads and writes it
//	table.go    the table for a terminal
//	broken.go   which scenario has no figure, and what else went wrong
//	compare.go  compares two documents
package result
