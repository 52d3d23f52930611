package load

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ingot/bench/internal/statistics"
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
	return &Tally{Latency: statistics.NewHistogram(), Failures: map[string]int{}}
}

// settle counts a response to n events, and how long it took. It says whether all of the events are settled. Only then does
// the time count for the latency, since a refusal is quick.
func (t *Tally) settle(status int, body []byte, n int, measured bool, took time.Duration) bool {
	c := Counts{Requests: 1}
	var err error
	switch status {
	case 200:
		c.Stored, c.Duplicates, err = parseAnswer(body, n)
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
			statistics.Record(t.Latency, took)
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

// parseAnswer reads the start of a body: `{"status":"stored"` of one event, or
// `{"received":3,"stored":1,"duplicates":2,"invalid":0,` of several. The list of
// duplicates behind it is not read; the counts must add up to what was sent.
func parseAnswer(body []byte, sent int) (stored, duplicates int, err error) {
	if rest, ok := bytes.CutPrefix(body, []byte(`{"status":"`)); ok && sent == 1 {
		switch {
		case bytes.HasPrefix(rest, []byte(`stored"`)):
			return 1, 0, nil
		case bytes.HasPrefix(rest, []byte(`duplicate"`)):
			return 0, 1, nil
		}
	}
	var received, invalid int
	rest := body
	for _, count := range []struct {
		before string
		into   *int
	}{{`{"received":`, &received}, {`,"stored":`, &stored}, {`,"duplicates":`, &duplicates}, {`,"invalid":`, &invalid}} {
		var ok bool
		if rest, ok = cutCount(rest, count.before, count.into); !ok {
			return 0, 0, fmt.Errorf("an answer that bench does not understand: %.80q", body)
		}
	}
	if received != sent || stored+duplicates != sent || invalid != 0 {
		return 0, 0, fmt.Errorf("an answer that does not add up to the %d events sent: %.80q", sent, body)
	}
	return stored, duplicates, nil
}

func cutCount(b []byte, before string, into *int) ([]byte, bool) {
	b, ok := bytes.CutPrefix(b, []byte(before))
	if !ok {
		return b, false
	}
	n := 0
	for n < len(b) && '0' <= b[n] && b[n] <= '9' {
		n++
	}
	var err error
	*into, err = strconv.Atoi(string(b[:n]))
	return b[n:], err == nil
}
