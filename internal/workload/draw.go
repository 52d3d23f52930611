package workload

import (
	"math/bits"
	"math/rand/v2"
)

// draw is the stream of random numbers that belongs to one event. It is used in place of rand.Rand because it needs no
// allocation, and an event is made for every send.
type draw struct{ pcg rand.PCG }

// newDraw seeds the stream of event i. Both halves are mixed first: neighbouring
// states of a PCG would begin with similar numbers.
func newDraw(seed, i uint64) draw {
	var d draw
	d.pcg.Seed(Spread(seed), Spread(seed^Spread(i)))
	return d
}

// Spread is the finalizer of SplitMix64, a bijection that spreads every bit: neighbouring numbers become unlike each other.
func Spread(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// n returns a number in [0, n).
func (d *draw) n(n int) int {
	hi, _ := bits.Mul64(d.pcg.Uint64(), uint64(n))
	return int(hi)
}

// between returns a number in [lo, hi].
func (d *draw) between(lo, hi int) int { return lo + d.n(hi-lo+1) }

// token returns 64 random bits, for the references that payloads carry.
func (d *draw) token() uint64 { return d.pcg.Uint64() }

func pick[T any](d *draw, from []T) T { return from[d.n(len(from))] }
