package keys

import (
	"sync"
	"time"
)

// rate is how many events a name may send in a second, over all of its keys and over time: what it has not sent
// within the last second it may send now, and a request is taken whole as long as one event is left. So a request may be larger
// than the rate, and the next one waits until it is paid for.
type rate struct {
	perSecond int

	mu   sync.Mutex // guards what is below
	left float64    // events; less than 0: owed
	at   time.Time  // when that was so
}

func newRate(perSecond int) *rate { return &rate{perSecond: perSecond, left: float64(perSecond)} }

// take counts n events, or tells for how long nothing is taken. 0 events ask.
func (r *rate) take(n int, now time.Time) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := float64(r.perSecond)
	if since := now.Sub(r.at).Seconds(); since > 0 {
		r.left, r.at = min(most, r.left+since*most), now
	}
	if r.left < 1 {
		return max(1, time.Duration((1-r.left)/most*float64(time.Second))) // until one is left; 0 would say that it is
	}
	r.left -= float64(n)
	return 0
}
