package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
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
	instance uuid.UUID
	log      *zap.Logger
	chooser  pathChooser
	session  *session // nil while there is no usable connection
}

// NewWriter connects at the first Merge. instance names this process in the
// commit log.
func NewWriter(url string, path WritePath, timeouts Timeouts, instance uuid.UUID, log *zap.Logger) *Writer {
	return &Writer{url: url, timeouts: timeouts, instance: instance, log: log, chooser: pathChooser{path: path}}
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
	if err := w.prepare(ctx, &b, p.lookUpAll); err != nil {
		w.rollback(ctx)
		return nil, classify(err)
	}
	if p.direct && b.knownCount < b.received {
		err := w.direct(ctx, &b, sent)
		if w.chooser.ended(errors.Is(err, errFallBack)); err == nil {
			w.chooser.saw(unsuspected(&b))
			return b.stored, nil
		}
		if !errors.Is(err, errFallBack) {
			return nil, err
		}
		w.log.Debug("direct path refused, staging the batch", zap.Error(err))
	}
	stored, err := w.staged(ctx, &b, sent)
	if err == nil && p.direct {
		w.chooser.saw(wrongInHindsight(&b))
	}
	return stored, err
}

// staged writes a prepared batch by the staging table.
func (w *Writer) staged(ctx context.Context, b *batch, sent func()) ([]bool, error) {
	if err := w.stage(ctx, b); err != nil {
		w.rollback(ctx)
		return nil, classify(err)
	}
	sent()
	if err := w.commit(ctx, b); err != nil {
		return nil, err
	}
	return b.stored, nil
}

// batch is one batch on its way.
type batch struct {
	groups      []event.Group
	suspects    []bool // by arrival order; nil: nobody was asked
	brief       bool   // wait for keys only for a moment
	received    int
	first, last int64  // its ids; 0 before they are taken
	known       []bool // by arrival order: found by the look-up; nil when none was made
	knownCount  int
	stored      []bool // by arrival order
	storedCount int
	begun       bool // the transaction is open
}

// prepare takes ids and looks keys up.
func (w *Writer) prepare(ctx context.Context, b *batch, lookUpAll bool) error {
	s, err := w.ready(ctx)
	if err != nil {
		return err
	}
	if err := s.number(ctx, b); err != nil {
		return err
	}
	return s.lookUp(ctx, b, lookUpAll)
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

// unsuspected counts the events that nobody suspected, and how many of them the
// look-up found all the same. After a direct batch without a look-up that is none:
// it would have broken.
func unsuspected(b *batch) (misses, wrong int) {
	for i, suspected := range b.suspects {
		if suspected {
			continue
		}
		misses++
		if b.known != nil && b.known[i] {
			wrong++
		}
	}
	return misses, wrong
}

// wrongInHindsight does the same for a batch that the staged path has stored in the
// end. Later copies of a key in the batch are no wrong guesses.
func wrongInHindsight(b *batch) (misses, wrong int) {
	if b.suspects == nil {
		return 0, 0
	}
	for _, r := range sortRows(&batch{groups: b.groups}, nil) {
		if b.suspects[r.at] {
			continue
		}
		misses++
		if !b.stored[r.at] {
			wrong++
		}
	}
	return misses, wrong
}

// ready returns a session that can take a batch.
func (w *Writer) ready(ctx context.Context) (*session, error) {
	if w.session != nil && (w.session.conn.IsClosed() || w.session.expired()) {
		w.Close()
	}
	if w.session == nil {
		s, err := openSession(ctx, w.url, w.timeouts)
		if err != nil {
			return nil, err
		}
		w.session = s
	}
	if err := w.session.tidy(ctx); err != nil {
		return nil, err
	}
	return w.session, nil
}

// commit ends a staged batch: log row, topic counts and COMMIT as one Query. It
// resolves a doubt; its errors are classed already.
func (w *Writer) commit(ctx context.Context, b *batch) error {
	old := w.session.backend
	err := w.sendCommit(ctx, b)
	if err == nil {
		return nil
	}
	var unknown *event.UnknownError
	if errors.As(err, &unknown) {
		return w.doubt(ctx, b, old, err)
	}
	w.rollback(ctx)
	return err
}

// doubt gives the connection up, nothing that comes over it can be trusted, and
// finds out what became of the batch.
func (w *Writer) doubt(ctx context.Context, b *batch, old backend, err error) error {
	w.log.Warn("batch not committed cleanly", zap.Int64("first_id", b.first), zap.Int("events", b.received), zap.Error(err))
	w.Close()
	return w.resolve(ctx, b, old, err)
}

// sendCommit sends the commit Query of a staged batch and judges the answer.
func (w *Writer) sendCommit(ctx context.Context, b *batch) error {
	ctx, cancel := halfOf(ctx)
	defer cancel()
	s := w.session
	s.warned = false
	results, err := s.conn.Exec(ctx, w.commitQuery(b)).ReadAll()
	return judgeCommit(s.conn.TxStatus(), lastTag(results), err, s.warned)
}

// halfOf leaves half of the time there is to find out what became of a COMMIT
// without an answer.
func halfOf(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithTimeout(ctx, time.Until(deadline)/2)
	}
	return context.WithCancel(ctx)
}

func lastTag(results []*pgconn.Result) string {
	if len(results) == 0 {
		return ""
	}
	return results[len(results)-1].CommandTag.String()
}

// commitQuery ends a staged batch, or is all of a batch of known keys.
func (w *Writer) commitQuery(b *batch) string {
	if b.begun {
		return w.commitStatements(b)
	}
	return w.session.begin + "; " + w.commitStatements(b)
}

// commitStatements hold nothing but numbers and this process's UUID. The log's lock
// is held for moments, but by many: it is waited for as long as a statement may
// take, not as long as a key is waited for.
func (w *Writer) commitStatements(b *batch) string {
	topics := ""
	if b.storedCount > 0 {
		topics = fmt.Sprintf("EXECUTE ingot_topics (%d); ", b.first)
	}
	return fmt.Sprintf("SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(%d); EXECUTE ingot_log (%d, %d, %d, %d, '%s'); %sCOMMIT",
		logLock, b.first, b.last, b.received, b.storedCount, w.instance, topics)
}

// judgeCommit decides what the answer to the commit Query means. Only a COMMIT
// tag without any warning is a commit. An ERROR is certainly none: the server
// stops at the statement that failed. Everything else is unknown.
func judgeCommit(txStatus byte, tag string, err error, warned bool) error {
	if err != nil {
		if isError(err) && (txStatus == 'E' || txStatus == 'I') {
			return classify(fmt.Errorf("write the commit log: %w", err))
		}
		return &event.UnknownError{Err: fmt.Errorf("commit: %w", err)}
	}
	switch {
	case tag == "ROLLBACK":
		return &event.NotStoredError{Reason: event.ReasonUnavailable, Err: fmt.Errorf("COMMIT answered ROLLBACK")}
	case tag != "COMMIT" || txStatus != 'I':
		return &event.UnknownError{Err: fmt.Errorf("COMMIT answered %q", tag)}
	case warned:
		return &event.UnknownError{Err: fmt.Errorf("COMMIT came with a warning")}
	}
	return nil
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
