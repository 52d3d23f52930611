// Package score turns the figures of rounds into statements: the median and the
// spread of a run, and whether two runs differ. It is arithmetic, and nothing else.
package score
