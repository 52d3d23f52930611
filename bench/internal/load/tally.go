package load

import (
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ingot/bench/internal/latency"
)

// Counts are how many requests were answered, and what became of their events.
type Counts struct {
	Requests   int `json:"requests"`
	Stored     int `json:"stored"`
	Duplicates int `json:"duplicates"`
	Refused    int `json:"refused,omitempty"` // events of requests answered 503: certainly not stored
	Failed     int `json:"failed,omitempty"`  // events with any other answer, or none
}

// Events is how many events are settled: stored, or a duplicate of one that is stored.
func (c Counts) Events() int { return c.Stored + c.Duplicates }

// Add adds o.
func (c *Counts) Add(o Counts) {
	c.Requests += o.Requests
	c.Stored += o.Stored
	c.Duplicates += o.Duplicates
	c.Refused += o.Refused
	c.Failed += o.Failed
}

// Tally is what a load came to.
type Tally struct {
	Total    Counts        // of the whole load
	Measured Counts        // of the window alone
	Elapsed  time.Duration // of the window
	Latency  *hdrhistogram.Histogram
	Failures map[string]int // what went wrong, and how often
}

func newTally() *Tally {
	return &Tally{Latency: latency.New(), Failures: map[string]int{}}
}

// settle counts a response to n events, and how long it took. It says whether all of the events are settled. Only then does
// the time count for the latency, since a refusal is quick.
func (t *Tally) settle(status int, body []byte, n int, measured bool, took time.Duration) bool {
	c := Counts{Requests: 1}
	a, err := answer{}, error(nil)
	switch status {
	case 200:
		if a, err = parseAnswer(body, n); err == nil {
			c.Stored, c.Duplicates = a.stored, a.duplicates
		}
	case 503:
		c.Refused = n
	default:
		err = fmt.Errorf("status %d: %.120q", status, body)
	}
	if err != nil {
		t.fail(err, 0)
		c.Failed = n
	}
	t.Total.Add(c)
	settled := c.Events() == n
	if measured {
		t.Measured.Add(c)
		if settled {
			latency.Record(t.Latency, took)
		}
	}
	return settled
}

// fail notes what went wrong, and counts n events as failed that were not counted otherwise.
func (t *Tally) fail(err error, n int) {
	t.Failures[err.Error()]++
	t.Total.Failed += n
}

func (t *Tally) merge(o *Tally) {
	t.Total.Add(o.Total)
	t.Measured.Add(o.Measured)
	t.Latency.Merge(o.Latency)
	for what, n := range o.Failures {
		t.Failures[what] += n
	}
}

// Rate is n a second of the window.
func (t *Tally) Rate(n int) float64 { return float64(n) / t.Elapsed.Seconds() }
