package postgres

import (
	"context"
	"errors"
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

// Writer merges batches, one at a time. It belongs to one goroutine.
type Writer struct {
	url      string
	timeouts Timeouts
	instance string // a UUID
	log      *zap.Logger
	chooser  pathChooser
	session  *session // nil while there is no usable connection

	abandoned []backend // of connections given up in doubt; the next connection ends them
}

// NewWriter connects at the first Merge. instance names this process in the
// commit log.
func NewWriter(url string, path WritePath, timeouts Timeouts, instance uuid.UUID, log *zap.Logger) *Writer {
	return &Writer{url: url, timeouts: timeouts, instance: instance.String(), log: log, chooser: pathChooser{path: path}}
}

// Close ends the connection.
func (w *Writer) Close() {
	if w.session != nil {
		discard(w.session.conn)
		w.session = nil
	}
}

// Merge writes the groups as one batch in one transaction and returns, event by
// event in arrival order, whether it was stored (true) or its key existed already
// (false). sent is called right before the bytes of COMMIT go out; when the direct
// path is refused, the staged one calls it again.
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
	p := w.chooser.plan(b.received, b.suspects, b.brief)
	if err := w.prepare(ctx, &b, p); err != nil {
		w.rollback(ctx)
		return nil, classify(err)
	}
	err := w.write(ctx, &b, p, sent)
	if err != nil {
		return nil, err
	}
	return b.stored, nil
}

// write takes one of the two paths, or one after the other, and notes what that says
// of the filter.
func (w *Writer) write(ctx context.Context, b *batch, p plan, sent func()) error {
	if !p.direct || b.knownCount == b.received {
		err := w.staged(ctx, b, sent)
		if err == nil && p.direct {
			w.chooser.saw(b.guesses())
		}
		return err
	}
	err := w.direct(ctx, b, sent)
	switch {
	case err == nil:
		w.chooser.saw(b.guesses())
		w.chooser.ended(false)
		return nil
	case !errors.Is(err, errFallBack):
		return err
	}
	w.log.Debug("direct path refused, staging the batch", zap.Error(err))
	b.doubtKnown()
	if err := w.staged(ctx, b, sent); err != nil {
		return err
	}
	g := b.guessesInHindsight()
	w.chooser.saw(g)
	w.chooser.ended(!b.check || g.unfounded == 0)
	return nil
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

// prepare takes ids and finds out which keys are known.
func (w *Writer) prepare(ctx context.Context, b *batch, p plan) error {
	s, err := w.ready(ctx)
	if err != nil {
		return err
	}
	if err := s.number(ctx, b); err != nil {
		return unavailable(err)
	}
	if p.check && b.believe() {
		return s.prepareCheck(ctx)
	}
	return s.lookUp(ctx, b, p.lookUpAll)
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
	if b.storedCount > 0 { // the direct path has tried
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

// Ready connects if there is no usable connection; *event.NotStoredError if that fails.
func (w *Writer) Ready(ctx context.Context) error {
	_, err := w.ready(ctx)
	return err
}

// ready returns a session that can take a batch. Its errors are classed: a setting
// that the server refuses says nothing about anybody's data.
func (w *Writer) ready(ctx context.Context) (*session, error) {
	if w.session != nil && (w.session.conn.IsClosed() || w.session.expired()) {
		w.Close()
	}
	if w.session == nil {
		s, err := openSession(ctx, w.url, w.timeouts)
		if err != nil {
			return nil, unavailable(err)
		}
		w.session = s
		w.endAbandoned(ctx, s)
	}
	if err := w.session.tidy(ctx); err != nil {
		return nil, unavailable(err)
	}
	return w.session, nil
}

// rollback leaves the session clean, or drops it.
func (w *Writer) rollback(ctx context.Context) {
	s := w.session
	if s == nil {
		return
	}
	if !s.conn.IsClosed() && s.conn.TxStatus() != 'I' {
		_, err := s.conn.Exec(ctx, "ROLLBACK").ReadAll()
		if err == nil && s.conn.TxStatus() == 'I' {
			return
		}
	} else if !s.conn.IsClosed() {
		return
	}
	w.Close()
}
