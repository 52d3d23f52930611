// Package mutant builds an ingester that is broken on purpose. The checks of the torture tests are
// worth something only if each of these builds is caught; make mutants runs the same storm against
// each of them, and against the one that is not broken.
//
//	table.go   the table of the mutants: what each breaks, and which check has to see it
//	answers.go commits.go keys.go feed.go    the mutants, by what they break
//	lax.go     not a mutant but a tool: a decoder that lets through what Postgres refuses
//	poison.go  what it has to let through, column by column
//	edit.go    a change of the source, which has to fit it exactly
//	build.go   go build -overlay: the source on the disk stays as it is
//
// A mutant is a list of edits to the product's own text (docs/decisions, 13). When that text
// changes, the edit no longer applies, and the test of this package says so.
package mutant
