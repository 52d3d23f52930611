package tally

import (
	"maps"
	"sync"
	"time"

	"ingot/publisher/internal/client"
)

// Tally is shared by all clients.
type Tally struct {
	mu       sync.Mutex // guards what follows
	counts   [client.Invalid + 1]int
	attempts int
	requests int
	reopened int
	forgot   int
	retries  map[string]int
	problems map[string]string // by cause, the first
	latency  Latency
	ledger   ledger
}

// New returns a Tally in which nothing is counted yet.
func New() *Tally { return &Tally{retries: make(map[string]int), problems: make(map[string]string)} }

// Add counts what became of a batch; indexes are its events, negative those that are not remembered.
func (t *Tally) Add(indexes []int, res client.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.askedLocked(len(indexes), res)
	for n, i := range indexes {
		status := res.Statuses[n]
		t.counts[status]++
		t.ledger.note(i, status)
		if i < 0 {
			t.forgot++
		}
		if res.Reopened && status == client.Duplicate {
			t.reopened++
		}
	}
	if _, known := t.problems[res.Cause]; res.Err != nil && !known {
		t.problems[res.Cause] = res.Err.Error()
	}
}

// Divided counts the requests for a batch whose parts are sent, and added, by themselves.
func (t *Tally) Divided(events int, res client.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.askedLocked(events, res)
}

func (t *Tally) askedLocked(events int, res client.Result) {
	t.requests += res.Requests
	t.attempts += res.Requests * events
	for _, cause := range res.Retries {
		t.retries[cause]++
	}
	for _, d := range res.Latency {
		t.latency.Add(d)
	}
}

// Sent reports whether some send of event i is done.
func (t *Tally) Sent(i int) bool { return t.has(i, sent) }

// Acked reports whether event i was answered stored or duplicate.
func (t *Tally) Acked(i int) bool { return t.has(i, acked) }

// ToldTwice reports whether event i was answered stored more than once.
func (t *Tally) ToldTwice(i int) bool { return t.has(i, toldNewMore) }

func (t *Tally) has(i int, m mark) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return i < len(t.ledger) && t.ledger[i]&m != 0
}

// Report sums up a run of planned sends that has taken elapsed. again tells a reader why events may have been there before.
func (t *Tally) Report(planned int, elapsed time.Duration, again string) Report {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := Report{
		SendsPlanned: planned,
		UniqueEvents: t.ledger.count(sent),
		AckedEvents:  t.ledger.count(acked),
		Forgotten:    t.forgot,
		Stored:       t.counts[client.Stored],
		Duplicates:   t.counts[client.Duplicate],
		Invalid:      t.counts[client.Invalid],
		Unknown:      t.counts[client.Unknown],
		Failed:       t.counts[client.Failed],
		Requests:     t.requests,
		Attempts:     t.attempts,
		AfterOpen:    t.reopened,
		Retries:      maps.Clone(t.retries),
		Problems:     maps.Clone(t.problems),
		ElapsedSecs:  elapsed.Seconds(),
		LatencyP50Ms: millis(t.latency.Percentile(50)),
		LatencyP99Ms: millis(t.latency.Percentile(99)),
	}
	r.SendsDone = r.Stored + r.Duplicates + r.Invalid + r.Unknown + r.Failed
	if elapsed > 0 {
		r.EventsPerSecond = float64(r.Stored+r.Duplicates) / elapsed.Seconds()
	}
	r.Notes = r.notes(again)
	return r
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
