package load

import (
	"context"
	"time"

	"ingot/bench/internal/mix"
)

// answerTimeout is how long after the end of a load a response may still come.
const answerTimeout = 60 * time.Second

// Load is what is sent, and for how long.
type Load struct {
	Addresses []string // the connections of a closed loop are spread over them in turn; an open loop takes the first
	Array     int      // events in a request; 0: one, as an object
	Warm      time.Duration
	Measure   time.Duration
	Encoder   *mix.Encoder
	Source    *mix.Source
	Ack       func(picks []int) // told which events are settled; called by many goroutines; may be nil

	// WindowOpens and WindowCloses are called at the begin and the end of the window of measurement. They may be nil.
	WindowOpens, WindowCloses func()
}

// requestEvents is how many events a request has.
func (l *Load) requestEvents() int { return max(1, l.Array) }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
