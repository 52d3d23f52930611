// Package statistics turns figures into statements: how long answers took (histogram.go), the median and the spread of a run
// (summary.go), whether two runs differ (differ.go), and what pairs of figures come to (pairs.go). It is arithmetic and
// nothing else.
package statistics
