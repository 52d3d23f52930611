package main

import (
	"context"
	"fmt"
	"time"

	"ingot/bench/internal/result"
)

// window is how long a run lasts.
type window struct{ warm, measure time.Duration }

// stage measures a scenario: its limits, a round, its limits, a round, and so on.
// The limits between two rounds belong to both. told is called as each round ends.
func (h *house) stage(ctx context.Context, s scenario, rounds int, w window, told func()) (result.Scenario, error) {
	out := result.Scenario{Name: s.Name, About: s.About, Open: s.open(), Ratios: s.Against}
	meters := map[string]*meter{}
	defer func() {
		for _, m := range meters {
			m.close()
		}
	}()
	for _, ratio := range s.Against {
		if meters[ratio.Limit] != nil {
			continue
		}
		m, err := h.openMeter(ctx, ratio.Limit, s, w)
		if err != nil {
			return out, fmt.Errorf("limit %s: %w", ratio.Limit, err)
		}
		meters[ratio.Limit] = m
	}
	before, err := measureAll(ctx, meters)
	for range rounds {
		if err != nil {
			break
		}
		var round result.Round
		if round, before, err = h.between(ctx, s, w, meters, before); err == nil {
			out.Rounds = append(out.Rounds, round)
			told()
		}
	}
	return out, err
}

// between runs one round and the limits behind it.
func (h *house) between(ctx context.Context, s scenario, w window, meters map[string]*meter, before map[string]float64) (result.Round, map[string]float64, error) {
	round := result.Round{Limits: map[string][2]float64{}}
	var err error
	if round.Run, err = h.round(ctx, s, w); err != nil {
		return round, before, err
	}
	after, err := measureAll(ctx, meters)
	for name := range meters {
		round.Limits[name] = [2]float64{before[name], after[name]}
	}
	return round, after, err
}

func measureAll(ctx context.Context, meters map[string]*meter) (map[string]float64, error) {
	values := map[string]float64{}
	for name, m := range meters {
		v, err := m.measure(ctx)
		if err != nil {
			return values, fmt.Errorf("limit %s: %w", name, err)
		}
		values[name] = v
	}
	return values, nil
}
