package main

import (
	"ingot/bench/internal/mix"
	"ingot/bench/internal/result"
)

// scenarios is the table. The goals are what the project set out to reach on two
// cores for client, ingester and Postgres together.
func scenarios() []scenario {
	atLeast := func(limit string, goal float64) result.Ratio {
		return result.Ratio{Figure: result.Events, Limit: limit, Goal: goal}
	}
	usual := mix.Mix{Duplicates: 0.30}
	return []scenario{
		{
			Name: "single-64", Set: quick, About: "single events, 64 connections",
			Mix: usual, Connections: 64,
			Against: []result.Ratio{atLeast(nothing, 0.33), atLeast(naive, 3)},
		},
		{
			Name: "single-256", Set: quick, About: "single events, 256 connections",
			Mix: usual, Connections: 256,
			Against: []result.Ratio{atLeast(nothing, 0.45), atLeast(naive, 3.3)},
		},
		{
			Name: "array-100", Set: quick, About: "arrays of 100, 8 connections",
			Mix: usual, Connections: 8, Array: 100,
			Against: []result.Ratio{atLeast(rawCopy, 0.65)},
		},
		{
			Name: "array-1000", Set: quick, About: "arrays of 1,000, 4 connections",
			Mix: usual, Connections: 4, Array: 1000,
			Against: []result.Ratio{atLeast(rawCopy, 0.80)},
		},
	}
}

// find returns the scenario of a name.
func find(name string) (scenario, bool) {
	for _, s := range scenarios() {
		if s.Name == name {
			return s, true
		}
	}
	return scenario{}, false
}
