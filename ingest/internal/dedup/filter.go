package dedup

import (
	"fmt"
	"hash/maphash"
	"math/bits"
	"sync/atomic"

	"github.com/bits-and-blooms/bloom/v3"

	"ingot/internal/event"
)

// Config sizes a filter.
type Config struct {
	Capacity      uint    // keys of one generation
	Generations   int     // how many are kept; at least 2, so that rotating forgets a part only
	FalsePositive float64 // bound on the share of new keys that are suspected, all generations together
}

// Check says what is wrong with a configuration.
func (c Config) Check() error {
	switch {
	case c.Capacity < 1000:
		return fmt.Errorf("a generation must hold at least 1000 keys (--bloom-capacity), not %d", c.Capacity)
	case c.Generations < 2 || c.Generations > 64:
		return fmt.Errorf("there must be 2 to 64 generations (--bloom-generations), not %d", c.Generations)
	case !(c.FalsePositive > 0 && c.FalsePositive < 1):
		return fmt.Errorf("the false-positive rate (--bloom-false-positive) must be between 0 and 1, not %g", c.FalsePositive)
	case c.Capacity > maxBytes || c.Bytes() > maxBytes:
		return fmt.Errorf("%d generations of %d keys need more memory than the %d GiB that a filter may have", c.Generations, c.Capacity, maxBytes>>30)
	}
	return nil
}

// maxBytes is more than anybody needs: a filter of this size holds 44 billion keys at a rate of 0.01. A larger one is a typing
// mistake, and allocating it would end the process.
const maxBytes = 64 << 30

// Bytes is the memory that a filter of this configuration takes, however many keys
// it holds.
func (c Config) Bytes() int64 {
	m, _ := bloom.EstimateParameters(c.Capacity, c.perGeneration())
	return int64(m+63)/64*8*int64(c.Generations) + 8*recentKeys
}

// perGeneration is each generation's share of the false positives: the filter suspects a key when any generation
// does.
func (c Config) perGeneration() float64 { return c.FalsePositive / float64(c.Generations) }

// recentKeys is how many keys have their hash kept besides the generations. Most repeats are of a key that came shortly
// before: one word of memory tells that, where a generation takes some fifteen. A guess; 2 MB.
const recentKeys = 1 << 18

// newest is the index of the newest generation.
const newest = 0

// Filter is a Bloom filter over the keys seen last.
type Filter struct {
	config      Config
	generations []*bloom.BloomFilter // newest first
	used        int                  // generations that may hold keys; the others are empty
	recent      [recentKeys]uint64   // h1 of keys in the newest, each at the place that its lowest bits name; 0: none
	seed        maphash.Seed         // of this process: nobody outside can aim at the filter
	h1, h2      uint64               // hashes of the key that was located last: they tell its bits in all generations
	keys        atomic.Int64         // added since the start; Stats reads it
	rotations   atomic.Int64         // likewise
}

// New makes an empty filter.
func New(config Config) *Filter {
	f := &Filter{config: config, used: 1, seed: maphash.MakeSeed()}
	for range config.Generations {
		f.generations = append(f.generations, bloom.NewWithEstimates(config.Capacity, config.perGeneration()))
	}
	return f
}

// Suspect tells whether the event's key may have been added. A key that is met again moves to the newest generation,
// since what is repeated is likely to be repeated again.
func (f *Filter) Suspect(e *event.Event) bool {
	f.locate(e)
	if f.recent[f.h1%recentKeys] == f.h1 {
		return true
	}
	for at, g := range f.generations[:f.used] {
		if !f.isIn(g) {
			continue
		}
		if at == newest {
			f.remember()
		} else {
			f.add()
		}
		return true
	}
	return false
}

// Add adds the key of an event that is committed, or about to be.
func (f *Filter) Add(e *event.Event) {
	f.locate(e)
	if !f.isIn(f.generations[newest]) {
		f.add()
	}
}

// add puts the key that was located last, which the newest generation does not have, into it.
func (f *Filter) add() {
	if f.inNewest() == int64(f.config.Capacity) {
		f.rotate()
	}
	g := f.generations[newest]
	set := g.BitSet()
	for i := range g.K() {
		set.Set(f.place(g, i))
	}
	f.remember()
	f.keys.Add(1)
}

// inNewest is how many keys the newest generation has: all others that were in use were full.
func (f *Filter) inNewest() int64 { return f.keys.Load() - f.rotations.Load()*int64(f.config.Capacity) }

// remember keeps the hash of the key that was located last, which the newest generation has.
func (f *Filter) remember() { f.recent[f.h1%recentKeys] = f.h1 }

// isIn tells whether a generation has all bits of the key that was located last.
func (f *Filter) isIn(g *bloom.BloomFilter) bool {
	set := g.BitSet()
	for i := range g.K() {
		if !set.Test(f.place(g, i)) {
			return false
		}
	}
	return true
}

// place is the bit of the i-th hash of the key that was located last: it scales the hash from its own range, 2^64,
// to the number of the generation's bits. That takes a multiplication, where the library takes a division for each
// (Lemire, Fast Random Integer Generation in an Interval, 2019).
func (f *Filter) place(g *bloom.BloomFilter, i uint) uint {
	at, _ := bits.Mul64(f.h1+uint64(i)*f.h2, uint64(g.Cap()))
	return uint(at)
}

func (f *Filter) rotate() {
	last := len(f.generations) - 1
	oldest := f.generations[last]
	copy(f.generations[1:], f.generations)
	f.generations[newest] = oldest.ClearAll()
	clear(f.recent[:])
	f.used = min(f.used+1, len(f.generations))
	f.rotations.Add(1)
}

// mixer spreads the bits of a hash: 2^64 over the golden ratio (Knuth, The Art of
// Computer Programming, 6.4).
const mixer = 0x9e3779b97f4a7c15

// locate hashes an event's key with the seed into h1 and h2. The i-th hash of the key is h1 + i*h2 (Kirsch and
// Mitzenmacher, Less Hashing, Same Performance, 2006). h2 is made of h1. So two keys with the same h1 have all
// bits in common: one more false positive in 2^64.
func (f *Filter) locate(e *event.Event) {
	// ID and topic are hashed apart: hashed as one text they would need a mark at the border between them.
	f.h1 = maphash.String(f.seed, e.ID) ^ (maphash.String(f.seed, e.Topic)*mixer + 1)
	h2 := (f.h1 ^ f.h1>>32) * mixer
	f.h2 = h2 ^ h2>>29
}

// Stats are the figures of a filter.
type Stats struct {
	Keys      int64   // added since the start; counted again when added to a newer generation
	Rotations int64   // times a generation was full; once all are in use, each forgets the oldest one
	Fill      float64 // of the newest generation, 0 to 1
	Bytes     int64
}

// Stats may be called from any goroutine.
func (f *Filter) Stats() Stats {
	return Stats{
		Keys: f.keys.Load(), Rotations: f.rotations.Load(), Fill: float64(f.inNewest()) / float64(f.config.Capacity), Bytes: f.config.Bytes(),
	}
}
