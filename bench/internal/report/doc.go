// Package report makes the report of a run: one HTML file with everything in it, which needs no
// script, no font and no other host, and is readable in light and in dark.
//
//	report.go     result -> view -> report.html.tmpl
//	ratios.go     bars: each ratio, its rounds and its goal
//	curves.go     per scenario: throughput and batch size over time, latencies, knee
//	chart.go      a line chart as inline SVG
//	scale.go      axes and their ticks
//
// Colours are CSS variables of the template; the drawings only name classes.
package report
