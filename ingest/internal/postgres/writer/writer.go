package writer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// Timeouts bound the statements of a batch, on the server's side.
type Timeouts struct {
	Statement time.Duration // statement_timeout; idle_in_transaction_session_timeout, for a dead ingester's locks
	Lock      time.Duration // lock_timeout: waiting for a key; for the log's lock it is off
}

// Writer writes batches, one transaction after the other. Merge may be called again while the answer to a batch is
// awaited (ahead.go).
type Writer struct {
	url      string
	timeouts Timeouts
	instance string // a UUID
	log      *zap.Logger

	choosing sync.Mutex
	chooser  pathChooser // guarded by choosing
	crowd    crowd

	next        slot // who holds it may use what follows
	lookers     lookers
	lookUpBytes int

	turn      slot                // who holds it may use what follows
	session   *session            // nil while there is no usable connection
	staging   atomic.Bool         // a batch is being written on the staged path; others may read it
	last      *exchange           // what was sent last; at first one whose answer was read
	lastID    int64               // the greatest id of the blocks that earlier connections have drawn
	promise   postgres.Durability // what the last connection found promised of a commit
	changed   []string            // what the last connection found done to the tables
	abandoned []backend           // backends of connections that were given up; the next connection, or fence, ends them
}

// New makes a writer, which connects at the first Ready or Merge. instance names this
// process in the commit log.
func New(url string, path Path, timeouts Timeouts, instance uuid.UUID, log *zap.Logger) *Writer {
	none := &exchange{read: make(chan struct{})}
	close(none.read)
	return &Writer{
		url: url, timeouts: timeouts, instance: instance.String(), log: log, chooser: pathChooser{path: path},
		lookers:     lookers{url: url, timeout: timeouts.Statement, pause: lookUpPause},
		lookUpBytes: lookUpBytes,
		next:        make(slot, 1), turn: make(slot, 1), last: none,
	}
}

// Close ends the connections. The caller makes sure that no Merge is under way.
func (w *Writer) Close() {
	w.drop()
	w.lookers.close()
}

// drop ends the connection that writes. The caller has the turn, or is Close.
func (w *Writer) drop() {
	if w.session != nil {
		w.lookers.stale.Store(true)
		postgres.Discard(w.session.conn)
		w.lastID = w.session.lastID
		w.session = nil
	}
}

// Merge writes the groups as one batch in one transaction. It returns, event by event in arrival order, whether the
// event was stored (true) or its key existed already (false).
//
// sent is called right before the bytes of COMMIT go out; if the direct path is refused, the staged path calls it
// again. write.Ahead is called once another batch may be merged: on the direct path when this batch was sent, on the
// staged path when it is the next to get the turn.
//
// Errors: *event.NotStoredError and *event.BadDataError are certain: nothing of the batch is stored. After
// *event.UnknownError COMMIT was sent, and its outcome was still not known when ctx ended (doubt.go). When ctx
// ends, the connection is given up; a COMMIT is never cancelled, only not waited for any longer.
func (w *Writer) Merge(ctx context.Context, write event.Batch, sent func()) ([]bool, error) {
	b := batch{Batch: write, committing: sent, received: count(write.Groups)}
	if b.received == 0 {
		return nil, nil
	}
	if b.Ahead == nil {
		b.Ahead = func() {}
	}
	if err := w.next.take(ctx); err != nil {
		return nil, err
	}
	var p plan
	w.choose(func(c *pathChooser) { p = c.plan(b.received, b.Suspects, b.Brief) })
	var err error
	if p.direct {
		err = w.mergeDirect(ctx, &b, p)
	} else {
		err = w.mergeStaged(ctx, &b)
	}
	if err != nil {
		return nil, err
	}
	return b.stored, nil
}

func (w *Writer) choose(f func(c *pathChooser)) {
	w.choosing.Lock()
	defer w.choosing.Unlock()
	f(&w.chooser)
}
