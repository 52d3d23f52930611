package httpapi

import "sync/atomic"

// budget is a number of bytes that may be held at a time.
type budget struct {
	max  int64
	used atomic.Int64
}

// take reserves n bytes, or nothing.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) > b.max {
		b.used.Add(-n)
		return false
	}
	return true
}

// fits tells whether n bytes could be taken now; it takes nothing.
func (b *budget) fits(n int64) bool { return b.used.Load()+n <= b.max }

func (b *budget) give(n int64) { b.used.Add(-n) }
