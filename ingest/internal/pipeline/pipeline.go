package pipeline

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"ingot/internal/event"
)

// Store writes batches, for the committers alone.
type Store interface {
	// Ready connects if there is no connection, within that time. It fails with
	// *event.NotStoredError; nothing of this batch is under way while it takes its time.
	Ready(ctx context.Context, within time.Duration) error

	// Merge stores a batch in one transaction and returns, event by event in order,
	// whether it was stored (true) or was there already (false). It calls sent before
	// a COMMIT goes out, each time it tries one. When ctx ends it gives up soon. Once it
	// has called b.Ahead it is called for the next batch while this one is under way, and
	// writes it behind this one; only what it has to write once more may come after.
	//
	// It fails with *event.NotStoredError or *event.BadDataError when certainly
	// nothing was committed, and with *event.UnknownError when that is not known.
	// ReasonKeyHeld says that it is one of the keys that cannot be written now.
	Merge(ctx context.Context, b event.Batch, sent func()) ([]bool, error)
}

// Filter guesses which keys exist already. It may be wrong in both directions. One
// committer at a time calls it: the one whose flight is not on its way yet.
type Filter interface {
	Suspect(e *event.Event) bool
	Add(e *event.Event) // the event's key is committed, or will be before the next batch
}

// Config bounds the pipeline. All fields are required.
type Config struct {
	QueueEvents     int           // events queued or being committed
	QueueBytes      int64         // bytes of their requests
	BatchEvents     int           // a batch stops growing here; a larger request goes alone
	BatchBytes      int64         // likewise
	Deadline        time.Duration // a request is answered within this, give or take reaperGrain
	AttemptTimeout  time.Duration // one try at committing a batch
	OutageGrace     time.Duration // after this long without the store, one request at a time is let in
	RetryBase       time.Duration // first pause between attempts; doubles up to RetryMax
	RetryMax        time.Duration
	DrainTimeout    time.Duration // from the stop to the last answer
	SplitsPerSecond int           // batches halved at once; halves of others wait in the side lane
}

// reaperGrain is how late a deadline may be noticed. A guess: deadlines are seconds.
const reaperGrain = 20 * time.Millisecond

// Pipeline is described in the package comment.
type Pipeline struct {
	config Config
	store  Store
	filter Filter // nil: every event goes the way of new ones
	log    *zap.Logger
	wake   chan struct{} // one slot: the queue may have changed

	requests sync.Pool // of *request

	mu         sync.Mutex
	queue      []*request   // waiting, oldest first
	queued     int          // events of the queue
	flights    []*flight    // under way, oldest first: at most one for each committer
	side       [][]*request // parked: sidelane.go
	lastSide   time.Time    // when one of them was tried
	splits     float64      // halvings that may be made at once; grows with time since splitAt
	splitAt    time.Time
	commitTime time.Duration // what a commit takes these days: tookLocked
	downSince  time.Time     // first of the attempts that failed in a row; zero: the store works
	draining   bool
	events     int   // of queue, batch and side lane
	bytes      int64 // likewise
	left       Left  // events given up while draining
	stats      Stats
}

// New makes a pipeline; nothing happens until Run. filter may be nil.
func New(config Config, store Store, filter Filter, log *zap.Logger) *Pipeline {
	return &Pipeline{config: config, store: store, filter: filter, log: log, wake: make(chan struct{}, 1)}
}

// Left is what a stop could not bring to its end in time, in events: none after a
// clean one.
type Left struct {
	Refused int // accepted, and certainly not stored
	Unknown int // their COMMIT was sent and not answered
}

// Run commits batches until ctx ends and what was accepted by then is answered,
// or DrainTimeout is over; then the rest is refused. It returns what was left over.
func (p *Pipeline) Run(ctx context.Context) Left {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var helpers sync.WaitGroup
	helpers.Go(func() { p.reap(work) })                 // stops with work, awaited below
	helpers.Go(func() { p.drainOn(ctx, work, cancel) }) // likewise
	var committing sync.WaitGroup
	for range committers {
		committing.Go(func() { p.commitAll(work) }) // stops when all lanes are empty, or with work; awaited below
	}
	committing.Wait()
	left := p.refuseRest()
	cancel()
	helpers.Wait()
	return left
}

// drainOn closes the queue when stop ends, and ends the work when the time for
// draining is over.
func (p *Pipeline) drainOn(stop, work context.Context, cancel func()) {
	<-stop.Done() // the work goes on until then
	p.mu.Lock()
	p.draining = true
	p.mu.Unlock()
	p.notify()
	timer := time.NewTimer(p.config.DrainTimeout)
	defer timer.Stop()
	select {
	case <-timer.C:
		cancel()
	case <-work.Done():
	}
}

func (p *Pipeline) notify() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
