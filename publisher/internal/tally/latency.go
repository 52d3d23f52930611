package tally

import (
	"math/bits"
	"time"
)

// Every power of two microseconds is cut in 32 steps, so that a percentile is
// read at most 3 % too high, from a table of a few KiB whatever the run's length.
const stepBits = 5

// Latency counts how long things took. The zero value is ready to use.
type Latency struct {
	buckets [(65 - stepBits) << stepBits]int64
	total   int64
}

// Add counts a duration; a negative one counts as 0.
func (h *Latency) Add(d time.Duration) {
	h.buckets[bucketOf(uint64(max(0, d.Microseconds())))]++
	h.total++
}

// Merge counts what another one has counted, too.
func (h *Latency) Merge(o *Latency) {
	for b, n := range o.buckets {
		h.buckets[b] += n
	}
	h.total += o.total
}

// Count is how many were counted.
func (h *Latency) Count() int64 { return h.total }

// Percentile returns the upper end of the bucket that the p-th percent falls in
// (nearest rank), and 0 for none.
func (h *Latency) Percentile(p int64) time.Duration {
	rank := (h.total*p + 99) / 100
	for b, n := range h.buckets {
		if rank -= n; rank <= 0 { // at once if nothing was counted
			return time.Duration(upperEnd(b)) * time.Microsecond
		}
	}
	return 0
}

// bucketOf keeps the stepBits bits after the leading one, and the magnitude.
func bucketOf(us uint64) int {
	if us < 1<<stepBits {
		return int(us)
	}
	shift := bits.Len64(us) - 1 - stepBits
	return (shift+1)<<stepBits + int(us>>shift) - 1<<stepBits
}

// upperEnd is the largest value of bucket b.
func upperEnd(b int) uint64 {
	if b < 1<<stepBits {
		return uint64(b)
	}
	shift := b>>stepBits - 1
	lowest := uint64(b&(1<<stepBits-1)+1<<stepBits) << shift
	return lowest + 1<<shift - 1
}
