// Package latency records how long things took: answers for package load, and the way from publish to receive for
// package streams.
package latency

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Microseconds, to 1 %: two digits keep a histogram at 30 KB, and every connection has one.
const (
	least  = 1
	most   = 120_000_000
	digits = 2
)

// New returns a histogram of microseconds, for Record; any two of them can be merged.
func New() *hdrhistogram.Histogram { return hdrhistogram.New(least, most, digits) }

// Record adds how long something took. Less than a microsecond counts as a microsecond, more than two minutes as two
// minutes.
func Record(h *hdrhistogram.Histogram, took time.Duration) {
	_ = h.RecordValue(min(max(took.Microseconds(), least), most)) // it only fails out of these bounds
}
