package main

import (
	"fmt"
	"sync"
	"time"

	"ingot/publisher/internal/tally"
)

// span is half of what the live line looks back on: long enough for a p99 of some
// events, short enough to see a change. A guess.
const span = 5 * time.Second

// pace counts events, and how long each took from its receipt by the server to its receipt here.
//
// Only events that the server received after follow began count for the time: nobody was waiting for earlier ones.
type pace struct {
	mu        sync.Mutex // guards what follows
	began     time.Time
	events    int
	all       tally.Latency
	early     time.Duration // most by which an event came here before its received_at
	now, last window
}

// window is what came in a span.
type window struct {
	began   time.Time
	events  int
	latency tally.Latency
}

func newPace(now time.Time) *pace {
	return &pace{began: now, now: window{began: now}, last: window{began: now}}
}

func (p *pace) add(now, received time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turnLocked(now)
	p.events++
	p.now.events++
	if received.Before(p.began) {
		return
	}
	took := now.Sub(received)
	p.all.Add(took)
	p.now.latency.Add(took)
	p.early = max(p.early, -took)
}

// turnLocked begins a new window when the present one is full.
func (p *pace) turnLocked(now time.Time) {
	switch past := now.Sub(p.now.began); {
	case past >= 2*span:
		p.now, p.last = window{began: now}, window{began: now.Add(-span)}
	case past >= span:
		p.last, p.now = p.now, window{began: now}
	}
}

func (p *pace) total() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.events
}

// words is the live line.
func (p *pace) words(now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turnLocked(now)
	recent := p.last.latency
	recent.Merge(&p.now.latency)
	rate := perSecond(p.last.events+p.now.events, now.Sub(p.last.began))
	text := fmt.Sprintf("%s events, %s/s", grouped(p.events), grouped(int(rate)))
	if recent.Count() > 0 {
		text += fmt.Sprintf(", publish to receive p50 %s p99 %s (clocks may differ)", inMillis(recent.Percentile(50)), inMillis(recent.Percentile(99)))
	}
	return text
}

func perSecond(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

func inMillis(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
