package pipeline

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"ingot/internal/event"
)

// Store writes batches, for the committers alone.
type Store interface {
	// Ready connects to the database, within that time, if there is no connection. It fails with
	// *event.NotStoredError.
	Ready(ctx context.Context, within time.Duration) error

	// Merge stores a batch in one transaction and returns, event by event in order, whether it was stored (true)
	// or was there already (false). It calls sent before each COMMIT that goes out. When ctx ends it gives up
	// soon.
	//
	// Once Merge has called b.Ahead it may be called for the next batch while this one is under way. It writes the
	// next batch after this one, unless it has to write this one once more.
	//
	// Merge fails with *event.NotStoredError or *event.BadDataError when certainly nothing was committed, and with
	// *event.UnknownError when that is not known. The reason event.ReasonKeyHeld says that a key of the batch
	// cannot be written now.
	Merge(ctx context.Context, b event.Batch, sent func()) ([]bool, error)

	// Crowded tells whether most of the batches stored lately came from other processes. It is an estimate.
	Crowded() bool
}

// Filter guesses which keys exist already. It may be wrong in both directions. One committer at a time calls it:
// the one whose flight is not ahead yet.
type Filter interface {
	// Suspect tells whether the event's key may exist, and if so keeps it, as Add does.
	Suspect(e *event.Event) bool

	// Add adds a key that was not suspected, or not asked about. It is committed, or will be before the next batch.
	Add(e *event.Event)
}

// Config bounds the pipeline. All fields are required.
type Config struct {
	QueueEvents     int           // events queued or being committed
	QueueBytes      int64         // bytes of their requests
	BatchEvents     int           // a batch stops growing here, or with a larger request; an eighth more may come along
	BatchBytes      int64         // likewise
	MostEvents      int           // the store takes no more in a batch, and Submit is given no more at once
	Linger          time.Duration // the longest wait before a batch while the store is crowded; 0: none
	Deadline        time.Duration // a request is answered within this, give or take reaperGrain
	AttemptTimeout  time.Duration // one try at committing a batch
	OutageGrace     time.Duration // after this long without the store, plus the time of a commit, one request at a time is let in
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
	filter Filter // nil: the store is told of no suspects
	log    *zap.Logger
	late   error         // the cause of an answer that a deadline has brought about; it names the setting, for the log
	wake   chan struct{} // one slot: the queue may have changed

	requests sync.Pool // of *request

	mu         sync.Mutex
	queue      []*request   // waiting, oldest first
	queued     load         // of the queue
	flights    []*flight    // under way, oldest first: at most one for each committer
	side       [][]*request // parked: sidelane.go
	sideAgain  time.Time    // the next parcel is tried then
	sideMany   bool         // whether a parcel of several requests was preferred the last time; alternates
	splits     float64      // batches that may be halved at once, as of splitAt
	splitAt    time.Time
	commitTime time.Duration // how long commits take lately: tookLocked
	size       sizing        // a batch stops growing here: Config.BatchBytes, or less (size.go)
	crowded    bool          // others write most batches, and this pipeline may linger
	awaited    int           // how many queued events the next batch waits for, until lingerEnd
	lingerEnd  time.Time
	downSince  time.Time // when the first of the attempts that have failed in a row failed; zero: the store works
	draining   bool
	held       load // of queue, flights and side lane
	left       Left // events given up while draining
	stats      Stats
}

// New makes a pipeline; nothing happens until Run. filter may be nil.
func New(config Config, store Store, filter Filter, log *zap.Logger) *Pipeline {
	late := fmt.Errorf("%w: a request has %s (--deadline)", context.DeadlineExceeded, config.Deadline)
	return &Pipeline{config: config, store: store, filter: filter, log: log, late: late, wake: make(chan struct{}, 1), size: sizing{most: config.BatchBytes, limit: config.BatchBytes}}
}

// Left is how many events a stop could not bring to an end in time: none after a clean one.
type Left struct {
	Refused int // accepted, and certainly not stored
	Unknown int // their COMMIT was sent and not answered
}

// Run commits batches until ctx ends. Then it goes on until each request accepted by then is answered, or until
// DrainTimeout is over and it refuses the rest. It returns what was left over.
func (p *Pipeline) Run(ctx context.Context) Left {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var reaping, committing sync.WaitGroup
	reaping.Go(func() { p.reap(work) }) // stops with work, awaited below
	for range committers {
		committing.Go(func() { p.commitAll(work) }) // stops when all lanes are empty, or with work; awaited below
	}
	<-ctx.Done()
	p.closeQueue()
	defer time.AfterFunc(p.config.DrainTimeout, cancel).Stop()
	committing.Wait()
	left := p.refuseRest()
	cancel()
	reaping.Wait()
	return left
}

// closeQueue makes Submit refuse everything, and the committers end once all lanes are empty.
func (p *Pipeline) closeQueue() {
	p.mu.Lock()
	p.draining = true
	p.mu.Unlock()
	p.notify()
}

func (p *Pipeline) notify() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}
