// Package mutant builds an ingest that is broken on purpose. What the torture tests
// check is worth something only if each of these builds is caught; make mutants runs
// the same storm against each, and against the one that is not broken.
//
//	table.go   the table of the mutants: what each breaks, and which check has to see it
//	answers.go commits.go keys.go feed.go    the mutants, by what they break
//	lax.go     not a mutant but a tool: a decoder that lets through what Postgres refuses
//	poison.go  what is to be let through, column by column
//	edit.go    a change of the source, which has to fit it exactly
//	build.go   go build -overlay: the source on the disk stays as it is
//
// A mutant is a list of edits of the product's own text (docs/decisions, 13). When
// that text changes, the edit no longer applies, and the test of this package says so.
package mutant
