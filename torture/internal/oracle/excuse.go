package oracle

import "math"

// span is from one tick to another.
type span struct{ from, to int64 }

// Excuse says that from now on answers of one ingester, to, may be missing: it is being stopped, or its network is
// cut. The caller calls over when that has ended.
func (h *History) Excuse(to string) (over func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := len(h.excuses[to])
	h.excuses[to] = append(h.excuses[to], span{h.tick, math.MaxInt64})
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.excuses[to][at].to = h.nextLocked()
	}
}

// excusedLocked tells whether an ingester had an excuse at some moment between two ticks.
func (h *History) excusedLocked(to string, from, until int64) bool {
	for _, s := range h.excuses[to] {
		if s.from <= until && s.to >= from {
			return true
		}
	}
	return false
}
