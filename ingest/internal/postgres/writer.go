package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"ingot/internal/event"
)

// Timeouts bound the statements of a batch, on the server's side.
type Timeouts struct {
	Statement time.Duration // statement_timeout: one statement
	Lock      time.Duration // lock_timeout: waiting for a key or for the log lock
	Idle      time.Duration // idle_in_transaction_session_timeout: a dead ingester's locks
}

// Writer merges batches, one transaction after the other. Merge may be called again
// while the answer to a batch is awaited (ahead.go).
type Writer struct {
	url      string
	timeouts Timeouts
	instance string // a UUID
	log      *zap.Logger

	choosing sync.Mutex
	chooser  pathChooser // guarded by choosing

	turn      chan struct{}   // one slot; who fills it may use what follows
	session   *session        // nil while there is no usable connection
	last      <-chan struct{} // closed when the answer to what was sent last has been read
	sent      *exchange       // what was sent last; nil: nothing yet
	lastID    int64           // of the blocks that connections before this one have drawn
	abandoned []backend       // of connections given up in doubt; the next connection, or fence, ends them
}

// NewWriter connects at the first Merge. instance names this process in the
// commit log.
func NewWriter(url string, path WritePath, timeouts Timeouts, instance uuid.UUID, log *zap.Logger) *Writer {
	none := make(chan struct{})
	close(none)
	return &Writer{
		url: url, timeouts: timeouts, instance: instance.String(), log: log, chooser: pathChooser{path: path},
		turn: make(chan struct{}, 1), last: none,
	}
}

// Close ends the connection. No Merge is under way.
func (w *Writer) Close() {
	if w.session != nil {
		for i := range w.session.lookers {
			w.session.lookers[i].close()
		}
		discard(w.session.conn)
		w.lastID = w.session.lastID
		w.session = nil
	}
}

// Merge writes the groups as one batch in one transaction and returns, event by
// event in arrival order, whether it was stored (true) or its key existed already
// (false). sent is called right before the bytes of COMMIT go out; when the direct
// path is refused, the staged one calls it again. write.Ahead is called once the batch
// is on its way and another may be merged; on the staged path it never is.
//
// Errors: *event.NotStoredError and *event.BadDataError are certain: nothing of
// the batch is stored. *event.UnknownError: COMMIT was sent and its outcome is
// still not known when ctx ended (doubt.go). When ctx ends, the connection is given
// up; a COMMIT is never cancelled, only no longer waited for.
func (w *Writer) Merge(ctx context.Context, write event.Batch, sent func()) ([]bool, error) {
	b := batch{groups: write.Groups, suspects: write.Suspects, brief: write.Brief, received: count(write.Groups)}
	if b.received == 0 {
		return nil, nil
	}
	var x *exchange
	err := w.inTurn(ctx, func() (err error) {
		x, err = w.begin(ctx, &b, sent)
		return err
	})
	if x != nil {
		if write.Ahead != nil {
			write.Ahead()
		}
		err = w.finish(ctx, &b, x, sent)
	}
	if err != nil {
		return nil, err
	}
	return b.stored, nil
}

// begin prepares the batch. Then it sends it on the direct path, and finish is left to
// do; or it writes it by the staging table, and there is no exchange.
func (w *Writer) begin(ctx context.Context, b *batch, sent func()) (*exchange, error) {
	var p plan
	w.choose(func(c *pathChooser) { p = c.plan(b.received, b.suspects, b.brief) })
	if p.check {
		b.believe()
	}
	if !w.goesAhead(b, p) {
		if err := w.alone(ctx); err != nil {
			return nil, err
		}
	}
	if err := w.prepare(ctx, b, p); err != nil {
		if !w.busy() {
			w.rollback(ctx)
		}
		return nil, err
	}
	if p.direct {
		return w.sendDirect(ctx, b, sent), nil
	}
	return nil, w.staged(ctx, b, sent)
}

func (w *Writer) choose(f func(c *pathChooser)) {
	w.choosing.Lock()
	defer w.choosing.Unlock()
	f(&w.chooser)
}

// goesAhead tells whether the batch can be sent without a round trip over the writing
// connection before it.
func (w *Writer) goesAhead(b *batch, p plan) bool {
	s := w.session
	return p.direct && s != nil && !s.broken.Load() && !s.expired() && s.hasIDs(b.received) && !s.checkPlan.due()
}

// staged writes a prepared batch by the staging table.
func (w *Writer) staged(ctx context.Context, b *batch, sent func()) error {
	if err := w.stage(ctx, b); err != nil {
		w.rollback(ctx)
		return classify(err)
	}
	sent()
	return w.commit(ctx, b)
}

// prepare takes ids and finds out which keys are known. Its errors are classed: no row
// has been shipped that could be to blame.
func (w *Writer) prepare(ctx context.Context, b *batch, p plan) error {
	if !w.busy() {
		if _, err := w.ready(ctx); err != nil {
			return err
		}
	}
	s := w.session
	if err := s.number(ctx, b); err != nil {
		return unavailable(err)
	}
	if p.direct && (b.believed != nil || s.checkPlan.due()) {
		if err := w.prepareCheck(ctx); err != nil {
			return unavailable(err)
		}
	}
	if b.believed != nil {
		return nil
	}
	before := w.underWay() // as the look-up begins: what it commits meanwhile may be missed
	if err := s.lookUp(ctx, b, p, before); err != nil {
		return unavailable(err)
	}
	return nil
}

// number gives the batch ids and an empty result. It may be called again when a
// try has failed: ids are never used twice.
func (s *session) number(ctx context.Context, b *batch) (err error) {
	if b.first, err = s.takeIDs(ctx, b.received); err != nil {
		return err
	}
	b.last = b.first + int64(b.received) - 1
	b.stored, b.storedCount = make([]bool, b.received), 0
	return nil
}

// stage ships what is not known into the staging table and merges it; nothing is
// left to do for a batch of known keys.
func (w *Writer) stage(ctx context.Context, b *batch) error {
	s, err := w.ready(ctx)
	if err != nil {
		return err
	}
	if b.tried { // ids of its own, whatever became of those
		if err := s.number(ctx, b); err != nil {
			return err
		}
	}
	if b.knownCount == b.received {
		return nil
	}
	if err := s.ship(ctx, b); err != nil {
		return err
	}
	return s.merge(ctx, b)
}
