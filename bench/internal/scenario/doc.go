// Package scenario is the table of what is measured (table.go), and what a line of it says (scenario.go): what is offered, to
// what, and against which limits. It starts nothing.
package scenario
