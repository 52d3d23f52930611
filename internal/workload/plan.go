package workload

import (
	"fmt"
	"iter"
	"math"
)

// near is how far back a close repeat reaches, in events. Half of all repeats are close. In requests of a hundred events
// many of them fall into the request of the original; with single events they race the original on another connection.
// A guess.
const near = 32

// maxSends keeps indexes within 32 bits, which halves the memory of an audit.
const maxSends = math.MaxInt32

// Plan is the order in which events are sent: every event once, and repeats of
// events that stand earlier in the order.
type Plan struct {
	seed    uint64
	unique  int
	repeats int
}

// NewPlan plans the sending of unique events such that share of ALL sends, in
// [0, 1), repeat an earlier one: round(unique/(1-share)) sends in total.
func NewPlan(seed uint64, unique int, share float64) (Plan, error) {
	if unique < 1 {
		return Plan{}, fmt.Errorf("plan: %d events, but there must be at least 1", unique)
	}
	if !(share >= 0 && share < 1) { // so written, NaN is refused too
		return Plan{}, fmt.Errorf("plan: a share of %v duplicates, but it must be at least 0 and less than 1", share)
	}
	sends := math.Round(float64(unique) / (1 - share))
	if sends > maxSends {
		return Plan{}, fmt.Errorf("plan: %.0f sends, but there may be at most %d", sends, maxSends)
	}
	return Plan{seed: seed, unique: unique, repeats: int(sends) - unique}, nil
}

// Sends returns how many sends there are, repeats included.
func (p Plan) Sends() int { return p.unique + p.repeats }

// All yields the index of the event behind each send, in order. Every call yields
// the same sequence.
//
// Where the repeats stand is drawn without remembering anything: among the sends
// still to come, each is a repeat with equal chance, so that the counts come out
// exact at the end (Knuth's Algorithm S).
func (p Plan) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		d := newDraw(p.seed, math.MaxUint64) // a stream no event has
		sent, repeats := 0, p.repeats
		for sent < p.unique || repeats > 0 {
			i := sent
			if left := p.unique - sent + repeats; sent > 0 && d.n(left) < repeats {
				i = earlier(&d, sent)
				repeats--
			} else {
				sent++
			}
			if !yield(i) {
				return
			}
		}
	}
}

// earlier draws one of the events [0, sent), half of the time one of the latest.
func earlier(d *draw, sent int) int {
	if d.n(2) == 0 {
		return d.n(sent)
	}
	return sent - 1 - d.n(min(sent, near))
}
