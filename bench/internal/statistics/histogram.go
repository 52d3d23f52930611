package statistics

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

// NewHistogram returns a histogram of microseconds, for Record; any two of them can be merged.
func NewHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(least, most, digits) }

// Record adds how long something took. Less than a microsecond counts as a microsecond, more than two minutes as two
// minutes.
func Record(h *hdrhistogram.Histogram, took time.Duration) {
	_ = h.RecordValue(min(max(took.Microseconds(), least), most)) // it only fails out of these bounds
}
