package score

import (
	"math"
	"math/bits"
)

// How two runs are told apart. Each has a handful of rounds on a machine whose
// speed drifts, so a rule must be strict: a report compares some twenty figures,
// and one false alarm in twenty would be one in every report.
//
//  1. A rank test (Mann-Whitney, exact, two-sided) over the rounds. With five
//     against five it falls below maxChance only when every round of one run lies
//     above every round of the other. It assumes nothing about how noise is shaped.
//  2. The medians differ by more than minEffect. Rounds of one run stand close
//     together in time, so two runs on a drifting machine can be told apart by
//     ranks without a change in the program; ratios to a limit take most of that
//     away, not all.
const (
	maxChance = 0.01
	minEffect = 0.05
)

// minRounds is the fewest per run with which the rank test can fall below
// maxChance: 4 against 4 reaches 2/70 at best.
const minRounds = 5

// Difference is what can be said of two runs.
type Difference struct {
	Change    float64 // of the median: 0.1 is 10 % more
	Chance    float64 // that the ranks fall so far apart by chance alone
	TooFew    bool    // there are too few rounds to say anything
	Different bool    // more than noise
}

// Compare holds the rounds of two runs against each other.
func Compare(old, new []float64) Difference {
	d := Difference{Chance: rankChance(old, new), TooFew: min(len(old), len(new)) < minRounds}
	if before := Median(old); before != 0 {
		d.Change = Median(new)/before - 1
	}
	d.Different = !d.TooFew && d.Chance <= maxChance && math.Abs(d.Change) > minEffect
	return d
}

// maxExact bounds the values of the exact test, which goes through all ways to deal them to the two runs.
const maxExact = 20

// rankChance is the p-value of the Mann-Whitney test: of all ways to deal the
// values to the two runs, the share with ranks at least as far apart as here.
func rankChance(a, b []float64) float64 {
	all := append(append([]float64(nil), a...), b...)
	n := len(all)
	if len(a) == 0 || len(b) == 0 || n > maxExact {
		return 1
	}
	middle := float64(len(a)*len(b)) / 2
	seen := math.Abs(wins(all, 1<<len(a)-1) - middle)
	asFar, ways := 0, 0
	for deal := range uint(1) << n {
		if bits.OnesCount(deal) != len(a) {
			continue
		}
		ways++
		if math.Abs(wins(all, deal)-middle) >= seen {
			asFar++
		}
	}
	return float64(asFar) / float64(ways)
}

// wins counts the pairs in which a value that was dealt to the first run is the
// larger one; a tie is half a win.
func wins(all []float64, deal uint) (sum float64) {
	for i := range all {
		for j := range all {
			if deal>>i&1 == 1 && deal>>j&1 == 0 {
				switch {
				case all[i] > all[j]:
					sum++
				case all[i] == all[j]:
					sum += 0.5
				}
			}
		}
	}
	return sum
}
