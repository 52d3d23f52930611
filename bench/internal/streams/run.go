package streams

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"ingot/bench/internal/statistics"
)

// lastEventsTimeout is how long the last events may take after the last answer.
const lastEventsTimeout = time.Minute

// Run publishes events while streams follow them.
type Run struct {
	Address  string
	Streams  int // streams that are read, spread over the topics
	Stopped  int // streams that stop reading; they follow all topics
	Topics   int
	Rate     int // events a second
	Array    int // events in a request
	During   time.Duration
	Progress func(sent int) // called after each request

	// WindowOpens is called when the first event is sent, and WindowCloses when the last one has been received.
	WindowOpens, WindowCloses func()
}

// Outcome is what a Run came to; times are in microseconds.
type Outcome struct {
	Streams   int     `json:"streams"`
	Stopped   int     `json:"stopped"`
	Topics    int     `json:"topics"`
	Asked     int     `json:"asked"`      // events a second
	Events    float64 `json:"events"`     // a second, published
	Delivered float64 `json:"deliveries"` // a second, to streams that are read
	P50       int64   `json:"p50"`        // publish to receive
	P99       int64   `json:"p99"`
	P999      int64   `json:"p999"`
	Max       int64   `json:"max"`
	Before    []int   `json:"cut_behind,omitempty"` // how many events each stopped stream had got when it was cut off
}

// total is how many events are published: whole requests.
func (r *Run) total() int {
	return max(1, int(r.During.Seconds()*float64(r.Rate))/r.Array) * r.Array
}

// Do runs the Run. It fails when a stream misses an event, or when a stream that stopped reading was not cut off.
func (r *Run) Do(ctx context.Context) (Outcome, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	read, stopped, err := r.open(ctx)
	defer func() {
		for _, s := range append(read, stopped...) {
			if s.conn != nil {
				_ = s.conn.Close()
			}
		}
	}()
	if err != nil {
		return Outcome{}, fmt.Errorf("open a stream: %w", err)
	}
	r.WindowOpens()
	begin := time.Now()
	sent, err := r.follow(ctx, read)
	elapsed := time.Since(begin)
	r.WindowCloses()
	if err != nil {
		return Outcome{}, err
	}
	o := r.outcome(read, sent, elapsed)
	for _, s := range stopped {
		before, err := s.reconnect(ctx)
		if err != nil {
			return o, err
		}
		o.Before = append(o.Before, before)
	}
	return o, nil
}

// open opens all streams before anything is published.
func (r *Run) open(ctx context.Context) (read, stopped []*stream, err error) {
	for n := range r.Streams {
		s := &stream{Run: r, topic: topicName(n % r.Topics), next: n % r.Topics, stride: r.Topics, latency: statistics.NewHistogram()}
		read = append(read, s)
		if err := s.open(ctx); err != nil {
			return read, stopped, err
		}
	}
	for range r.Stopped {
		s := &stream{Run: r, stride: 1}
		stopped = append(stopped, s)
		if err := s.open(ctx); err != nil {
			return read, stopped, err
		}
		s.stopReading()
	}
	return read, stopped, nil
}

// follow publishes while the streams are read, and waits until each has all its events. sent is how long publishing took.
func (r *Run) follow(ctx context.Context, read []*stream) (sent time.Duration, err error) {
	var wait sync.WaitGroup
	failures := make(chan error, len(read))
	for _, s := range read {
		wait.Go(func() { // ends with its last event, or when its connection is closed
			if err := s.follow(); err != nil {
				failures <- err
			}
		})
	}
	client := &http.Client{Transport: &http.Transport{}, Timeout: lastEventsTimeout}
	defer client.CloseIdleConnections()
	begin := time.Now()
	err = r.publish(ctx, client)
	sent = time.Since(begin)
	deadline := time.Now().Add(lastEventsTimeout)
	if err != nil {
		deadline = time.Now()
	}
	for _, s := range read {
		_ = s.conn.SetReadDeadline(deadline)
	}
	wait.Wait()
	close(failures)
	return sent, errors.Join(err, <-failures)
}

func (r *Run) outcome(read []*stream, sent, elapsed time.Duration) Outcome {
	all := statistics.NewHistogram()
	for _, s := range read {
		all.Merge(s.latency)
	}
	return Outcome{
		Streams: r.Streams, Stopped: r.Stopped, Topics: r.Topics, Asked: r.Rate,
		Events: float64(r.total()) / sent.Seconds(), Delivered: float64(all.TotalCount()) / elapsed.Seconds(),
		P50: all.ValueAtQuantile(50), P99: all.ValueAtQuantile(99), P999: all.ValueAtQuantile(99.9), Max: all.Max(),
	}
}
