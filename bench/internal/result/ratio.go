package result

import "ingot/bench/internal/statistics"

// Figure names the figure of a round that is held against a limit.
type Figure string

// The figures. A latency is held against the time of a commit.
const (
	Events Figure = "events/s"
	P50    Figure = "p50"
	P99    Figure = "p99"
)

// Ratio is a figure against a limit, and what it should come to.
type Ratio struct {
	Figure Figure  `json:"figure"`
	Limit  string  `json:"limit"`
	Goal   float64 `json:"goal,omitempty"` // the ratio must be at least this, of a latency at most; 0: no goal
}

// LowerIsBetter is true of latencies.
func (r Ratio) LowerIsBetter() bool { return r.Figure != Events }

// Of is the ratio in one round: the limit is the mean of its measurements on both sides.
// ok is false when a round has no such limit.
func (r Ratio) Of(round Round) (value float64, ok bool) {
	sides, ok := round.Limits[r.Limit]
	limit := (sides[0] + sides[1]) / 2
	if !ok || limit == 0 {
		return 0, false
	}
	switch r.Figure {
	case P50:
		return float64(round.Latency.P50) / 1e6 * limit, true
	case P99:
		return float64(round.Latency.P99) / 1e6 * limit, true
	}
	return round.Events / limit, true
}

// Shown are the ratios to show of a scenario: none if it is broken.
func (s *Scenario) Shown() []Ratio {
	if s.Broken() != "" {
		return nil
	}
	return s.Ratios
}

// Over is the ratio in each round.
func (r Ratio) Over(rounds []Round) (values []float64) {
	for _, round := range rounds {
		if v, ok := r.Of(round); ok {
			values = append(values, v)
		}
	}
	return values
}

// Reached tells whether the median meets the goal.
func (r Ratio) Reached(rounds []Round) bool {
	median := statistics.Median(r.Over(rounds))
	if r.LowerIsBetter() {
		return median <= r.Goal
	}
	return median >= r.Goal
}

// Label says what a ratio is: "of copy", "p50 in commits".
func (r Ratio) Label() string {
	switch {
	case r.LowerIsBetter():
		return string(r.Figure) + " in commits"
	case r.Limit == "commit":
		return "events per commit"
	}
	return "of " + r.Limit
}

// Each collects a figure over rounds.
func Each(rounds []Round, figure func(Measurement) float64) []float64 {
	values := make([]float64, len(rounds))
	for i := range rounds {
		values[i] = figure(rounds[i].Measurement)
	}
	return values
}
