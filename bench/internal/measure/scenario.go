package measure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
)

// Window is how long a round lasts: load before the window of measurement, and the window.
type Window struct{ Warm, Measure time.Duration }

// Scenario measures a scenario: its limits, a round, its limits, a round, and so on.
// The limits between two rounds belong to both.
func Scenario(ctx context.Context, env *environment.Environment, s scenario.Scenario, rounds int, w Window) (result.Scenario, error) {
	out := result.Scenario{Name: s.Name, About: s.About, Open: s.OpenLoop(), Ratios: s.Against}
	if err := dropDatabase(ctx, env, s); err != nil {
		return out, err
	}
	defer func() { _ = dropDatabase(ctx, env, s) }() // the next run drops what is left
	limits, err := openLimits(ctx, env, s, w)
	defer func() {
		for _, l := range limits {
			l.Close()
		}
	}()
	if err != nil {
		return out, err
	}
	before, err := measureLimits(ctx, limits)
	for err == nil && len(out.Rounds) < rounds {
		var r result.Round
		if r.Measurement, err = measureRound(ctx, env, s, w); err != nil {
			break
		}
		var after map[string]float64
		if after, err = measureLimits(ctx, limits); err != nil {
			break
		}
		r.Limits, before = sides(before, after), after
		out.Rounds = append(out.Rounds, r)
		showRound(env, s, r, len(out.Rounds), rounds)
	}
	if err == nil && s.FullTable() {
		err = verify(ctx, env, s)
	}
	return out, err
}

// openLimits opens the limits of a scenario. After an error it returns those that are open, too, to be closed.
func openLimits(ctx context.Context, env *environment.Environment, s scenario.Scenario, w Window) (limits []*Limit, err error) {
	for _, name := range s.Limits() {
		l, err := OpenLimit(ctx, env, name, s, w)
		if errors.Is(err, errNoDatabase) {
			continue // there is a figure, only no ratio
		}
		if err != nil {
			return limits, fmt.Errorf("limit %s: %w", name, err)
		}
		limits = append(limits, l)
	}
	return limits, nil
}

func measureLimits(ctx context.Context, limits []*Limit) (map[string]float64, error) {
	values := map[string]float64{}
	for _, l := range limits {
		v, err := l.Measure(ctx)
		if err != nil {
			return values, fmt.Errorf("limit %s: %w", l.Name, err)
		}
		values[l.Name] = v
	}
	return values, nil
}

// sides puts the limits before and after a round side by side.
func sides(before, after map[string]float64) map[string][2]float64 {
	both := map[string][2]float64{}
	for name, v := range after {
		both[name] = [2]float64{before[name], v}
	}
	return both
}

// showRound shows a round as it ends.
func showRound(env *environment.Environment, s scenario.Scenario, r result.Round, n, of int) {
	if env.Progress.OnTerminal() {
		env.Progress.Set(n)
		return
	}
	if err := r.TruthError(); err != nil {
		env.Progress.Say("  round %d of %d: %v", n, of, err)
		return
	}
	line := fmt.Sprintf("  round %d of %d: %.0f events/s, p99 %.1f ms", n, of, r.Events, float64(r.Latency.P99)/1000)
	for _, ratio := range s.Against {
		if v, ok := ratio.Of(r); ok {
			line += fmt.Sprintf(", %.2f %s", v, ratio.Label())
		}
	}
	env.Progress.Say("%s", line)
}
