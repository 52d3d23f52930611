package oracle

import "math"

// Excuse says that from now on answers of one ingester, to, may be missing: it is being stopped, or its network is
// cut. The caller calls over when that has ended.
func (h *History) Excuse(to string) (over func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := len(h.excuses[to])
	h.excuses[to] = append(h.excuses[to], math.MaxInt64)
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.excuses[to][at] = h.nextLocked()
	}
}

// excusedLocked tells whether an ingester has had an excuse at some moment after a tick.
func (h *History) excusedLocked(to string, since int64) bool {
	for _, over := range h.excuses[to] {
		if over > since {
			return true
		}
	}
	return false
}
