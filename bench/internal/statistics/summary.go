package statistics

import (
	"math"
	"slices"
)

// Summary is what rounds of one figure come to.
type Summary struct {
	Median, Least, Most float64
}

// Summarize takes the median, not the mean: one round in which the machine did
// something else must not count. Without rounds all is NaN.
func Summarize(rounds []float64) Summary {
	if len(rounds) == 0 {
		return Summary{math.NaN(), math.NaN(), math.NaN()}
	}
	return Summary{Median(rounds), slices.Min(rounds), slices.Max(rounds)}
}

// Median is the middle value; of an even number of values, the mean of the two in the middle. Without values it is NaN.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Spread is half the distance between least and most, as a share of the median:
// 0.05 reads as ±5 %.
func (s Summary) Spread() float64 {
	if s.Median == 0 {
		return math.NaN()
	}
	return (s.Most - s.Least) / 2 / math.Abs(s.Median)
}
