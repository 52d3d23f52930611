// Package result is what a run of the bench leaves behind: one JSON document with
// every round, from which the table, the report and a comparison are made. Nothing
// is averaged before it is written.
//
//	result.go   the document
//	ratio.go    a round against its limits
//	file.go     read and write
//	table.go    the table for a terminal
//	broken.go   which scenario has no figure, and what went wrong beside the figures
//	compare.go  two documents
package result
