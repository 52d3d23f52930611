package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
)

// window is how long a run lasts.
type window struct{ warm, measure time.Duration }

// stage measures a scenario: its limits, a round, its limits, a round, and so on.
// The limits between two rounds belong to both.
func (h *house) stage(ctx context.Context, s scenario.Scenario, rounds int, w window) (result.Scenario, error) {
	out := result.Scenario{Name: s.Name, About: s.About, Open: s.OpenLoop(), Ratios: s.Against}
	if err := h.dropCopy(ctx, s); err != nil {
		return out, err
	}
	defer func() { _ = h.dropCopy(ctx, s) }() // the next run drops what is left
	meters, err := h.openMeters(ctx, s, w)
	defer func() {
		for _, m := range meters {
			m.close()
		}
	}()
	if err != nil {
		return out, err
	}
	before, err := measureAll(ctx, s.Against, meters)
	for err == nil && len(out.Rounds) < rounds {
		var round result.Round
		if round, before, err = h.between(ctx, s, w, meters, before); err == nil {
			out.Rounds = append(out.Rounds, round)
			h.tell(s, round, len(out.Rounds), rounds)
		}
	}
	if err == nil && s.FullTable() {
		err = h.verify(ctx, s)
	}
	return out, err
}

// openMeters opens each limit of a scenario once. After an error it returns the meters that are open, too, to be closed.
func (h *house) openMeters(ctx context.Context, s scenario.Scenario, w window) (map[string]*meter, error) {
	meters := map[string]*meter{}
	for _, ratio := range s.Against {
		if meters[ratio.Limit] != nil {
			continue
		}
		m, err := h.openMeter(ctx, ratio.Limit, s, w)
		if errors.Is(err, errNoDatabase) {
			continue // there is a figure, only no ratio
		}
		if err != nil {
			return meters, fmt.Errorf("limit %s: %w", ratio.Limit, err)
		}
		meters[ratio.Limit] = m
	}
	return meters, nil
}

// tell shows a round as it ends.
func (h *house) tell(s scenario.Scenario, r result.Round, n, of int) {
	if h.progress.terminal {
		h.progress.set(n)
		return
	}
	if err := r.Run.Untrue(); err != nil {
		h.progress.say("  round %d of %d: %v", n, of, err)
		return
	}
	line := fmt.Sprintf("  round %d of %d: %.0f events/s, p99 %.1f ms", n, of, r.Run.Events, float64(r.Run.Latency.P99)/1000)
	for _, ratio := range s.Against {
		if v, ok := ratio.Of(r); ok {
			line += fmt.Sprintf(", %.2f %s", v, ratio.Label())
		}
	}
	h.progress.say("%s", line)
}

// between runs one round, and measures the limits after it.
func (h *house) between(ctx context.Context, s scenario.Scenario, w window, meters map[string]*meter, before map[string]float64) (result.Round, map[string]float64, error) {
	round := result.Round{Limits: map[string][2]float64{}}
	var err error
	if round.Run, err = h.round(ctx, s, w); err != nil {
		return round, before, err
	}
	after, err := measureAll(ctx, s.Against, meters)
	for name := range meters {
		round.Limits[name] = [2]float64{before[name], after[name]}
	}
	return round, after, err
}

// measureAll measures the limits in the order of the table. A limit may be in several ratios, or have no meter.
func measureAll(ctx context.Context, ratios []result.Ratio, meters map[string]*meter) (map[string]float64, error) {
	values := map[string]float64{}
	for _, ratio := range ratios {
		m := meters[ratio.Limit]
		if _, done := values[ratio.Limit]; done || m == nil {
			continue
		}
		v, err := m.measure(ctx)
		if err != nil {
			return values, fmt.Errorf("limit %s: %w", ratio.Limit, err)
		}
		values[ratio.Limit] = v
	}
	return values, nil
}
