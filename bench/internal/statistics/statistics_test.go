package statistics

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

func TestSummary(t *testing.T) {
	t.Parallel()
	s := Summarize([]float64{9, 100, 11, 10, 8})
	if s.Median != 10 || s.Least != 8 || s.Most != 100 || s.Spread() != 4.6 {
		t.Errorf("%+v, spread %v", s, s.Spread())
	}
	if m := Median([]float64{4, 1, 3, 2}); m != 2.5 {
		t.Errorf("the median of four is %v", m)
	}
	if s := Summarize(nil); !math.IsNaN(s.Median) || !math.IsNaN(Median(nil)) {
		t.Errorf("no rounds have the median %v, or %v", s.Median, Median(nil))
	}
	if s := (Summary{Least: -1, Most: 1}); !math.IsNaN(s.Spread()) {
		t.Errorf("the spread around 0 is %v", s.Spread())
	}
}

// near is false of NaN.
func near(got, want float64) bool { return math.Abs(got-want) <= 1e-9 }

func TestPairRatio(t *testing.T) {
	t.Parallel()
	// The logs of 2 and 8 lie ln 2 to either side of that of 4.
	mean, err := PairRatio([]float64{1, 10}, []float64{2, 80})
	if !near(mean, 4) || !near(err, math.Ln2) {
		t.Errorf("%v, %v", mean, err)
	}
	// Logs of -1, 0 and 1: their variance is 1, of which the mean of three has a third.
	if mean, err := PairRatio([]float64{1, 1, 1}, []float64{1 / math.E, 1, math.E}); !near(mean, 1) || !near(err, math.Sqrt(1.0/3)) {
		t.Errorf("%v, %v", mean, err)
	}
	if mean, err := PairRatio([]float64{0.5, 0.25}, []float64{0.5, 0.25}); mean != 1 || err != 0 {
		t.Errorf("%v, %v", mean, err)
	}
	// Alike, and the sum of their squares is rounded to less than it takes.
	if mean, err := PairRatio([]float64{3, 5, 7}, []float64{18, 30, 42}); !near(mean, 6) || err != 0 {
		t.Errorf("%v, %v", mean, err)
	}
	for _, bad := range [][2][]float64{{{1}, {2}}, {{1, 2}, {1}}, {}, {{1, 2}, {1, 0}}, {{0, 2}, {1, 2}}, {{0, 2}, {0, 2}}} {
		if mean, err := PairRatio(bad[0], bad[1]); !math.IsNaN(mean) || !math.IsNaN(err) {
			t.Errorf("%v: %v, %v", bad, mean, err)
		}
	}
}

func TestGeometricMean(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of   []float64
		want float64
	}{{[]float64{2, 8}, 4}, {[]float64{0.5, 1, 2}, 1}, {[]float64{7}, 7}, {nil, 0}, {[]float64{2, 0, 8}, 0}, {[]float64{2, -8}, 0}} {
		if got := GeometricMean(c.of); !near(got, c.want) {
			t.Errorf("%v: %v, want %v", c.of, got, c.want)
		}
	}
}

func TestWorseByAFifthIsFlagged(t *testing.T) {
	t.Parallel()
	old := []float64{0.61, 0.63, 0.60, 0.62, 0.58}
	worse := make([]float64, len(old))
	for i := range old {
		worse[i] = 0.8 * old[i]
	}
	if d := Compare(old, worse); !d.Different || !near(d.Change, -0.2) || !near(d.PValue, 2.0/252) {
		t.Errorf("%+v", d)
	}
}

// TestEqualNoisyRunsAreNotFlagged draws pairs of runs of one distribution, with
// 15 % of noise: the rank test alone would flag 0.8 % of them.
func TestEqualNoisyRunsAreNotFlagged(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func() (rounds []float64) {
		for range 5 {
			rounds = append(rounds, 100*(1+0.15*rng.NormFloat64()))
		}
		return rounds
	}
	flagged := 0
	for range 500 {
		if Compare(draw(), draw()).Different {
			flagged++
		}
	}
	if flagged > 10 {
		t.Errorf("%d of 500 pairs of equal runs are flagged", flagged)
	}
}

func TestASmallChangeIsNoise(t *testing.T) {
	t.Parallel()
	old := []float64{100, 100.1, 100.2, 100.3, 100.4}
	if d := Compare(old, []float64{97, 97.1, 97.2, 97.3, 97.4}); d.Different || d.PValue > 0.01 {
		t.Errorf("3 %% less, in every round: %+v", d)
	}
	if d := Compare(old, old); d.Different || d.PValue != 1 {
		t.Errorf("a run against itself: %+v", d)
	}
	if d := Compare(make([]float64, 5), old); d.Different || d.Change != 0 {
		t.Errorf("a share of nothing: %+v", d)
	}
}

func TestFewRoundsTellNothing(t *testing.T) {
	t.Parallel()
	if d := Compare([]float64{100, 101, 102}, []float64{10, 11, 12}); d.Different || !d.TooFew {
		t.Errorf("three rounds: %+v", d)
	}
	if d := Compare(nil, []float64{1}); d.Different || !d.TooFew {
		t.Errorf("no rounds: %+v", d)
	}
	// 20 against 2 fall so far apart by chance in one of 115 times; two rounds are too few all the same.
	many := make([]float64, 20)
	for i := range many {
		many[i] = 100 + float64(i)
	}
	for _, d := range []Difference{Compare(many, []float64{1, 2}), Compare([]float64{1, 2}, many)} {
		if d.Different || !d.TooFew || d.PValue > significance {
			t.Errorf("two rounds against twenty: %+v", d)
		}
	}
}

// TestManyRoundsTellMore: the more rounds there are, the surer is the test. 12 against 12 are more than anybody would
// go through way by way.
func TestManyRoundsTellMore(t *testing.T) {
	t.Parallel()
	for _, n := range []int{5, 10, 11, 20} {
		var old, worse []float64
		for i := range n {
			old, worse = append(old, 100+float64(i)/10), append(worse, 80+float64(i)/10)
		}
		if d := Compare(old, worse); !d.Different || d.TooFew || d.PValue > 2.0/252+1e-9 {
			t.Errorf("a fifth worse in each of %d rounds: %+v", n, d)
		}
	}
}

// TestMannWhitney holds the test against a count of all ways to deal the values, one by one.
func TestMannWhitney(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	for range 300 {
		all := make([]float64, 2+rng.IntN(9))
		for i := range all {
			all[i] = float64(rng.IntN(12)) // some are equal
		}
		k := 1 + rng.IntN(len(all)-1)
		apart := func(deal int) float64 {
			wins := 0.0
			for i, a := range all {
				for j, b := range all {
					switch mine, other := deal>>i&1 == 1, deal>>j&1 == 0; {
					case mine && other && a > b:
						wins++
					case mine && other && a == b:
						wins += 0.5
					}
				}
			}
			return math.Abs(wins - float64(k*(len(all)-k))/2)
		}
		asFar, ways := 0.0, 0.0
		for deal := range 1 << len(all) {
			if bits.OnesCount(uint(deal)) != k {
				continue
			}
			ways++
			if apart(deal) >= apart(1<<k-1) {
				asFar++
			}
		}
		if got := mannWhitney(all[:k], all[k:]); !near(got, asFar/ways) {
			t.Fatalf("%v against %v: %v, want %v of %v", all[:k], all[k:], got, asFar, ways)
		}
	}
}
