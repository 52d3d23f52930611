package statistics

import (
	"testing"
	"time"
)

// TestRecord: each time is counted, to 1 %, whatever it is; what lies outside counts as the bound.
func TestRecord(t *testing.T) {
	t.Parallel()
	for took, want := range map[time.Duration]int64{
		-time.Second: 1, 0: 1, time.Microsecond: 1, 2 * time.Microsecond: 2, 1500 * time.Nanosecond: 1, time.Millisecond: 1000,
		time.Second: 1_000_000, 100 * time.Second: 100_000_000, 2 * time.Minute: 120_000_000, time.Hour: 120_000_000,
	} {
		h := NewHistogram()
		Record(h, took)
		if got := h.Max(); h.TotalCount() != 1 || got < want || got > want+want/100 {
			t.Errorf("%v counts as %d µs, want %d; %d are counted", took, got, want, h.TotalCount())
		}
	}
}
