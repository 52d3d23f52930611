// Package score turns the figures of rounds into statements: the median and the
// spread of a run, whether two runs differ, and what pairs of figures come to. It is arithmetic, and nothing else.
package score
