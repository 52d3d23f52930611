package statistics

import (
	"math"
	"slices"
)

// How two runs are told apart. Each has a handful of rounds on a machine whose
// speed drifts, so a rule must be strict: a report compares some twenty figures,
// and one false alarm in twenty would be one in every report.
//
//  1. A rank test (Mann-Whitney, exact, two-sided) over the rounds. With five
//     against five its p-value falls below significance only when every round of one
//     run lies above every round of the other. It assumes nothing about how noise is
//     shaped.
//  2. The medians differ by more than minEffect. Rounds of one run stand close
//     together in time, so two runs on a drifting machine can be told apart by
//     ranks without a change in the program; ratios to a limit take most of that
//     away, not all.
const (
	significance = 0.01
	minEffect    = 0.05
)

// minRounds is the fewest per run with which the p-value can fall below
// significance: 4 against 4 reaches 2/70 at best.
const minRounds = 5

// Difference is what can be said of two runs.
type Difference struct {
	Change    float64 // of the median: 0.1 is 10 % more
	PValue    float64 // that the ranks fall so far apart by chance alone
	TooFew    bool    // there are too few rounds to say anything
	Different bool    // more than noise
}

// Compare holds the rounds of two runs against each other.
func Compare(old, new []float64) Difference {
	d := Difference{PValue: mannWhitney(old, new), TooFew: min(len(old), len(new)) < minRounds}
	if before := Median(old); before != 0 {
		d.Change = Median(new)/before - 1
	}
	d.Different = !d.TooFew && d.PValue <= significance && math.Abs(d.Change) > minEffect
	return d
}

// mannWhitney is the p-value of the Mann-Whitney test: of all ways to deal the
// values to the two runs, the share with ranks at least as far apart as here.
func mannWhitney(a, b []float64) float64 {
	all := slices.Concat(a, b)
	seen := 0
	for _, v := range a {
		seen += rank(v, all)
	}
	middle := len(a) * (len(all) + 1) // what the ranks of the first run add up to if the runs are alike
	asFar, ways := 0.0, 0.0
	for sum, n := range sums(all, len(a)) {
		ways += n
		if abs(sum-middle) >= abs(seen-middle) {
			asFar += n
		}
	}
	return asFar / ways
}

// rank is twice the place of a value among all of them, counted from 1; values that are equal share their places.
func rank(v float64, all []float64) int {
	twice := 1
	for _, other := range all {
		switch {
		case other < v:
			twice += 2
		case other == v:
			twice++
		}
	}
	return twice
}

// sums tells in how many ways the ranks of k of the values add up to each sum. It takes one value after the other: each
// is either among the k or not.
func sums(all []float64, k int) map[int]float64 {
	ways := make([]map[int]float64, k+1) // by how many were taken
	for taken := range ways {
		ways[taken] = map[int]float64{}
	}
	ways[0][0] = 1
	for _, v := range all {
		place := rank(v, all)
		for taken := k; taken > 0; taken-- {
			for sum, n := range ways[taken-1] {
				ways[taken][sum+place] += n
			}
		}
	}
	return ways[k]
}

func abs(n int) int { return max(n, -n) }
