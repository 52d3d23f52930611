package mix

import (
	"math/rand/v2"
	"sync/atomic"
)

// Source deals out which event is sent next: a fresh one, in the order of their numbers, or one of the latest again.
type Source struct {
	share  float64
	oldest int          // the first event that may be repeated
	next   atomic.Int64 // the first event that was never dealt
}

// NewSource deals fresh events from first on. The known events right below first were stored before, and may be repeated.
func NewSource(share float64, first, known int) *Source {
	s := &Source{share: share, oldest: first - known}
	s.next.Store(int64(first))
	return s
}

// Draw deals events of a Source to one goroutine.
type Draw struct {
	source *Source
	rng    *rand.Rand
}

// NewDraw returns the n-th draw; its random numbers are a function of n.
func (s *Source) NewDraw(n int) *Draw {
	return &Draw{source: s, rng: rand.New(rand.NewPCG(uint64(n), 1))}
}

// Next deals an event. A duplicate is drawn uniformly from the last DefaultWindow
// events dealt to anyone, so it may still be on its way over another connection,
// as the repeats of real senders are.
func (d *Draw) Next() int {
	s := d.source
	if s.share > 0 && d.rng.Float64() < s.share {
		next := int(s.next.Load())
		if oldest := max(s.oldest, next-DefaultWindow); oldest < next {
			return oldest + d.rng.IntN(next-oldest)
		}
	}
	return int(s.next.Add(1)) - 1
}

// Append deals n events.
func (d *Draw) Append(dst []int, n int) []int {
	for range n {
		dst = append(dst, d.Next())
	}
	return dst
}
