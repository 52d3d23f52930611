package truth

import (
	"iter"
	"math/bits"
	"sync/atomic"
)

// capacity is how many fresh events a round may deal: minutes at any rate seen.
const capacity = 1 << 27

// Acks remembers which events of a round are settled, in a bit each. It may be used
// by many goroutines.
type Acks struct {
	first int
	words []uint64
}

// NewAcks remembers events from first on.
func NewAcks(first int) *Acks { return &Acks{first: first, words: make([]uint64, capacity/64)} }

// Add notes that events are settled. Events before the first are passed over: they were there when the round began.
func (a *Acks) Add(picks []int) {
	for _, i := range picks {
		if n := i - a.first; n >= 0 {
			atomic.OrUint64(&a.words[n/64], 1<<(n%64))
		}
	}
}

// All yields the settled events in ascending order, once nobody adds any more.
func (a *Acks) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for w, word := range a.words {
			for ; word != 0; word &= word - 1 {
				if !yield(a.first + w*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}
