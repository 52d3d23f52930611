package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"ingot/bench/internal/mix"
)

// answerTimeout is how long after the end of a load a response may still come.
const answerTimeout = 60 * time.Second

// Closed is the load of n connections, each of which sends its next request once the last one was answered.
type Closed struct {
	Addresses   []string // connections are spread over them in turn
	Connections int
	Array       int // events in a request; 0: one, as an object
	Warm        time.Duration
	Measure     time.Duration
	Encoder     *mix.Encoder
	Source      *mix.Source
	Ack         func(picks []int) // told which events are settled; called by many goroutines

	// Open and Close are called as the window of measurement opens and closes.
	Open, Close func()
}

// The phases of a load.
const (
	warming int32 = iota
	measuring
	stopping
)

// Run drives the connections until the window is over. An error is a connection
// that broke; the tally still holds what was answered.
func (c *Closed) Run(ctx context.Context) (*Tally, error) {
	conns, err := c.dialAll(ctx)
	hangUp := func() {
		for _, conn := range conns {
			conn.close()
		}
	}
	defer hangUp()
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, hangUp)() // nobody waits for answers after Ctrl-C
	var phase atomic.Int32
	workers := make([]worker, len(conns))
	var running sync.WaitGroup
	for i := range workers {
		workers[i] = worker{run: c, conn: conns[i], draw: c.Source.NewDraw(i), tally: newTally(), phase: &phase}
		running.Go(workers[i].loop) // stops with the phase or its connection's deadline, awaited below
	}
	elapsed, err := c.time(ctx, &phase)
	running.Wait()
	total := newTally()
	total.Elapsed = elapsed
	for i := range workers {
		total.merge(workers[i].tally)
	}
	if err := cmp.Or(err, ctx.Err()); err != nil { // the connections broke because they were hung up
		return total, err
	}
	return total, broken(workers)
}

// broken is one error for all connections that broke: a server that dies breaks each of them alike.
func broken(workers []worker) error {
	var first error
	n := 0
	for i := range workers {
		if err := workers[i].err; err != nil {
			first, n = cmp.Or(first, err), n+1
		}
	}
	if first == nil {
		return nil
	}
	return fmt.Errorf("%d of %d connections broke: %w", n, len(workers), first)
}

func (c *Closed) dialAll(ctx context.Context) (conns []*conn, err error) {
	deadline := time.Now().Add(c.Warm + c.Measure + answerTimeout)
	for i := range c.Connections {
		conn, err := dial(ctx, c.Addresses[i%len(c.Addresses)], deadline)
		if err != nil {
			return conns, fmt.Errorf("connection %d: %w", i+1, err)
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

// time leads the workers through the phases.
func (c *Closed) time(ctx context.Context, phase *atomic.Int32) (time.Duration, error) {
	defer phase.Store(stopping)
	if err := sleep(ctx, c.Warm); err != nil {
		return 0, err
	}
	if c.Open != nil {
		c.Open()
	}
	start := time.Now()
	phase.Store(measuring)
	err := sleep(ctx, c.Measure)
	phase.Store(stopping)
	elapsed := time.Since(start)
	if c.Close != nil {
		c.Close()
	}
	return elapsed, err
}

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

// worker is the loop of one connection, with a tally of its own. On the way of a request workers share nothing but the
// counter of the source.
type worker struct {
	run   *Closed
	conn  *conn
	draw  *mix.Draw
	tally *Tally
	phase *atomic.Int32
	err   error
}

func (w *worker) loop() {
	array := w.run.Array > 0
	picks := make([]int, 0, max(1, w.run.Array))
	var request []byte
	for w.phase.Load() != stopping {
		picks = w.draw.Append(picks[:0], max(1, w.run.Array))
		request = appendRequest(request[:0], w.run.Encoder, picks, array)
		if w.err = w.send(request, picks); w.err != nil {
			return
		}
	}
}

func (w *worker) send(request []byte, picks []int) error {
	start := time.Now()
	status, body, err := w.conn.do(request)
	if err != nil && !errors.Is(err, errServerCloses) {
		w.tally.fail(err, len(picks))
		return err
	}
	measured := w.phase.Load() == measuring
	if w.tally.settle(status, body, len(picks), measured, time.Since(start)) && w.run.Ack != nil {
		w.run.Ack(picks)
	}
	return err
}
