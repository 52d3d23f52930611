// Package scenario is the table of what the bench measures (table.go), and the type of its lines (scenario.go): what is
// offered, to what, and against which limits. It starts nothing.
package scenario
