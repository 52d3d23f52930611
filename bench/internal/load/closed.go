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

// The phases of a load.
const (
	warming int32 = iota
	measuring
	stopping
)

// ClosedLoop drives so many connections until the window is over. Each sends its next request once the last one was answered.
// An error is a connection that broke; the tally still holds what was answered.
func (l *Load) ClosedLoop(ctx context.Context, connections int) (*Tally, error) {
	conns, err := l.dialAll(ctx, connections)
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
		workers[i] = worker{load: l, conn: conns[i], draw: l.Source.NewDraw(i), tally: newTally(), phase: &phase}
		running.Go(workers[i].loop) // stops with the phase or its connection's deadline, awaited below
	}
	elapsed, err := l.time(ctx, &phase)
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

func (l *Load) dialAll(ctx context.Context, connections int) (conns []*conn, err error) {
	deadline := time.Now().Add(l.Warm + l.Measure + answerTimeout)
	for i := range connections {
		conn, err := dial(ctx, l.Addresses[i%len(l.Addresses)], deadline)
		if err != nil {
			return conns, fmt.Errorf("connection %d: %w", i+1, err)
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

// time leads the workers through the phases.
func (l *Load) time(ctx context.Context, phase *atomic.Int32) (time.Duration, error) {
	defer phase.Store(stopping)
	if err := sleep(ctx, l.Warm); err != nil {
		return 0, err
	}
	if l.WindowOpens != nil {
		l.WindowOpens()
	}
	start := time.Now()
	phase.Store(measuring)
	err := sleep(ctx, l.Measure)
	phase.Store(stopping)
	elapsed := time.Since(start)
	if l.WindowCloses != nil {
		l.WindowCloses()
	}
	return elapsed, err
}

// worker is the loop of one connection, with a tally of its own. On the way of a request workers share nothing but the
// counter of the source.
type worker struct {
	load  *Load
	conn  *conn
	draw  *mix.Draw
	tally *Tally
	phase *atomic.Int32
	err   error
}

func (w *worker) loop() {
	var picks []int
	var request []byte
	for w.phase.Load() != stopping {
		picks = w.draw.Append(picks[:0], w.load.requestEvents())
		request = appendRequest(request[:0], w.load.Encoder, picks, w.load.Array > 0)
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
	if w.tally.settle(status, body, len(picks), measured, time.Since(start)) && w.load.Ack != nil {
		w.load.Ack(picks)
	}
	return err
}
