package statistics

import "math"

// GeometricMean is that of values above 0; 0 if there is none, or one that is not above 0.
func GeometricMean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		if v <= 0 {
			return 0
		}
		sum += math.Log(v)
	}
	if len(values) == 0 {
		return 0
	}
	return math.Exp(sum / float64(len(values)))
}

// PairRatio is what pairs of figures come to, new by old: the geometric mean of their ratios, and its standard error as a share
// of that mean. old and new must have the same number of figures, at least two, all above 0; otherwise both results are NaN.
func PairRatio(old, new []float64) (mean, standardError float64) {
	n := float64(len(old))
	if len(old) != len(new) || len(old) < 2 {
		return math.NaN(), math.NaN()
	}
	sum, squares := 0.0, 0.0
	for i := range old {
		if old[i] <= 0 || new[i] <= 0 {
			return math.NaN(), math.NaN()
		}
		log := math.Log(new[i] / old[i])
		sum += log
		squares += log * log
	}
	variance := max(0, squares-sum*sum/n) / (n - 1)
	return math.Exp(sum / n), math.Sqrt(variance / n)
}
