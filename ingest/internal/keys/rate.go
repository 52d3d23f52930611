package keys

import (
	"sync"
	"time"
)

// rate bounds how many events a name may send in a second, over all of its keys: a token bucket that holds the events
// of one second. A request is taken whole as long as one event is left, so it may be larger than the rate; the next one
// then has to wait until it is paid for.
type rate struct {
	perSecond int

	mu   sync.Mutex // guards what is below
	left float64    // events that may be sent; below 0: how many were sent too many
	at   time.Time  // when left was computed
}

func newRate(perSecond int) *rate { return &rate{perSecond: perSecond, left: float64(perSecond)} }

// take counts n events, or counts nothing and tells for how long nothing is taken. 0 events only ask.
func (r *rate) take(n int, now time.Time) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	most := float64(r.perSecond)
	if since := now.Sub(r.at).Seconds(); since > 0 {
		r.left, r.at = min(most, r.left+since*most), now
	}
	if r.left < 1 {
		return max(1, time.Duration((1-r.left)/most*float64(time.Second))) // until one event is left; a wait of 0 would say that one is
	}
	r.left -= float64(n)
	return 0
}
