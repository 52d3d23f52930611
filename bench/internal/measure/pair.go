package measure

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"ingot/bench/internal/environment"
	"ingot/bench/internal/load"
	"ingot/bench/internal/result"
	"ingot/bench/internal/scenario"
)

// Pair is what bench pair measures: two ingesters in turn, a short window each, so that the drift of the machine's speed affects both
// alike. Both stay up meanwhile, on a database each. No limits are measured in between: they would take most of the time.
//
// What a process got from the kernel as it started stays with it: where its memory lies, which thread runs where. So both are
// started anew several times, and each start counts as one figure. With a single start the same two builds came to 0.951
// (0.016) of each other in one call and to 1.025 (0.015) in the next (docs/benchmarks.md).
type Pair struct {
	Env      *environment.Environment
	Scenario scenario.Scenario
	Window   Window
	Binaries [2]string
	Pairs    int     // how many are to be measured
	LeftOut  int     // how many of them have no figure
	Starts   []Start // what was measured
}

// mayLeaveOut is how many of so many pairs may have no figure, as when the machine stands still for a window. A build that needs
// more than that left out would be shown as better than it is. A guess.
func mayLeaveOut(pairs int) int { return pairs / 10 }

// Start is what was measured of the two between one start and the next.
type Start [2][]result.Measurement

// Measure spreads the pairs over the starts.
func (p *Pair) Measure(ctx context.Context, starts int) error {
	p.Env.Progress.Begin(p.Scenario.Name, p.Pairs)
	defer p.Env.Progress.End()
	for n, order := range orders(starts) {
		if err := p.measureStart(ctx, order, p.Pairs*n/starts, p.Pairs*(n+1)/starts); err != nil {
			return err
		}
	}
	return nil
}

// measureStart sets both ingesters up, in that order, loads them in turn, and checks the truth of each. done and until number the pairs.
func (p *Pair) measureStart(ctx context.Context, order [2]int, done, until int) (err error) {
	var rounds [2]*round
	for _, i := range order {
		env, s := *p.Env, p.Scenario
		env.Binary, s.Suffix = p.Binaries[i], [2]string{"_old", "_new"}[i]
		r, failed := setUp(ctx, &env, s, p.Window)
		if failed != nil {
			return fmt.Errorf("%s: %w", env.Binary, failed)
		}
		defer func() { err = errors.Join(err, r.tearDown(ctx)) }()
		rounds[i] = r
	}
	measured, counts, err := p.load(ctx, rounds, done, until)
	if err != nil {
		return err
	}
	if len(measured[0]) > 0 { // else all its pairs are left out
		p.Starts = append(p.Starts, measured)
	}
	for i, r := range rounds {
		all := result.Measurement{Counts: counts[i]}
		if err := errors.Join(r.check(ctx, &all), all.Truth.Err()); err != nil {
			return fmt.Errorf("%s: %w", r.env.Binary, err)
		}
	}
	return nil
}

// orders says which ingester goes first in each pair, and in each start: each as often as the other, in random order. If they
// went first by turns, that would fall into step with whatever recurs on the machine: where every fourth run was slower by 8 %,
// a build came out 1.05 to 1.1 times as fast as itself (docs/benchmarks.md).
func orders(pairs int) [][2]int {
	all := make([][2]int, pairs)
	for n := range all {
		all[n] = [2]int{n % 2, 1 - n%2}
	}
	rand.Shuffle(pairs, func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// load loads both ingesters, a window each in every pair. It leaves out a pair if one of its windows has no figure. counts are
// of all windows, for the truth check.
func (p *Pair) load(ctx context.Context, rounds [2]*round, done, until int) (measured Start, counts [2]load.Counts, err error) {
	for n, order := range orders(until - done) {
		var both [2]result.Measurement
		var missing error
		for _, i := range order {
			if both[i], err = rounds[i].load(ctx); err != nil {
				return measured, counts, fmt.Errorf("%s: %w", p.Binaries[i], err)
			}
			counts[i].Add(both[i].Counts)
			if none := nothingSettled(both[i], p.Window.Measure); none != nil {
				missing = cmp.Or(missing, fmt.Errorf("%s: %w", p.Binaries[i], none))
			}
		}
		if missing != nil {
			if err := p.leaveOut(done+n+1, missing); err != nil {
				return measured, counts, err
			}
			continue
		}
		for i, m := range both {
			measured[i] = append(measured[i], m)
		}
		p.Env.Progress.Set(done + n + 1)
	}
	return measured, counts, nil
}

// leaveOut counts a pair that has no figure. Its error says that there are too many of them.
func (p *Pair) leaveOut(number int, why error) error {
	if p.LeftOut++; p.LeftOut > mayLeaveOut(p.Pairs) {
		return fmt.Errorf("%d of %d pairs have no figure: %w", p.LeftOut, p.Pairs, why)
	}
	p.Env.Progress.Say("pair %d of %d is left out: %v", number, p.Pairs, why)
	return nil
}
