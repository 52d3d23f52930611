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
	session  *session // nil while there is no usable connection
}

// NewWriter connects at the first Merge. instance names this process in the
// commit log.
func NewWriter(url string, timeouts Timeouts, instance uuid.UUID, log *zap.Logger) *Writer {
	return &Writer{url: url, timeouts: timeouts, instance: instance, log: log}
}

// Close ends the connection.
func (w *Writer) Close() {
	if w.session != nil {
		discard(w.session.conn)
		w.session = nil
	}
}

// Merge writes the groups as one batch in one transaction and returns, event by
// event in arrival order, whether it was stored (true) or its key existed
// already (false). Suspects are looked up by key, and only those not found are
// shipped. sent is called right before the bytes of COMMIT
// go out.
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
	if err := w.write(ctx, &b); err != nil {
		w.rollback(ctx)
		return nil, classify(err)
	}
	sent()
	if err := w.commit(ctx, &b); err != nil {
		return nil, err
	}
	return b.stored, nil
}

// batch is one batch on its way.
type batch struct {
	groups      []event.Group
	suspects    []bool // by arrival order; nil: none
	brief       bool   // wait for keys only for a moment
	received    int
	first, last int64
	known       []bool // by arrival order: found by the look-up; nil when none was made
	knownCount  int
	stored      []bool // by arrival order
	storedCount int
	begun       bool // the transaction is open
}

// write does everything before the commit Query: it looks suspects up, and ships
// and merges what is left.
func (w *Writer) write(ctx context.Context, b *batch) error {
	s, err := w.ready(ctx)
	if err != nil {
		return err
	}
	if b.first, err = s.takeIDs(ctx, b.received); err != nil {
		return err
	}
	b.last = b.first + int64(b.received) - 1
	b.stored = make([]bool, b.received)
	if err := s.lookUp(ctx, b); err != nil {
		return err
	}
	if b.knownCount == b.received {
		return nil // the log row alone is left to write
	}
	if err := s.ship(ctx, b); err != nil {
		return err
	}
	return s.merge(ctx, b)
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

// commit sends the log row, the topic counts and COMMIT as one Query, judges the
// answer, and resolves a doubt. Its errors are classed already.
func (w *Writer) commit(ctx context.Context, b *batch) error {
	old := w.session.backend
	err := w.sendCommit(ctx, b)
	if err == nil {
		return nil
	}
	w.log.Warn("batch not committed cleanly", zap.Int64("first_id", b.first), zap.Int("events", b.received), zap.Error(err))
	var unknown *event.UnknownError
	if !errors.As(err, &unknown) {
		w.rollback(ctx)
		return err
	}
	w.Close() // nothing that comes over this connection can be trusted
	return w.resolve(ctx, b, old, err)
}

// sendCommit waits for the answer for half of the time there is, so that the other
// half is left to find out what became of a COMMIT without one.
func (w *Writer) sendCommit(ctx context.Context, b *batch) error {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	s := w.session
	s.warned = false
	results, err := s.conn.Exec(ctx, w.commitQuery(b)).ReadAll()
	return judgeCommit(s.conn.TxStatus(), results, err, s.warned)
}

// commitQuery holds nothing but numbers and this process's UUID.
func (w *Writer) commitQuery(b *batch) string {
	topics := ""
	if b.storedCount > 0 {
		topics = fmt.Sprintf("EXECUTE ingot_topics (%d); ", b.first)
	}
	begin := ""
	if !b.begun {
		begin = w.session.begin + "; "
	}
	// The log's lock is held for moments, but by many: it is waited for as long as a
	// statement may take, not as long as a key is waited for.
	return fmt.Sprintf("%sSET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(%d); EXECUTE ingot_log (%d, %d, %d, %d, '%s'); %sCOMMIT",
		begin, logLock, b.first, b.last, b.received, b.storedCount, w.instance, topics)
}

// judgeCommit decides what the answer to the commit Query means. Only a COMMIT
// tag without any warning is a commit. An ERROR is certainly none: the server
// stops at the statement that failed. Everything else is unknown.
func judgeCommit(txStatus byte, results []*pgconn.Result, err error, warned bool) error {
	if err != nil {
		if isError(err) && (txStatus == 'E' || txStatus == 'I') {
			return classify(fmt.Errorf("write the commit log: %w", err))
		}
		return &event.UnknownError{Err: fmt.Errorf("commit: %w", err)}
	}
	tag := ""
	if len(results) > 0 {
		tag = results[len(results)-1].CommandTag.String()
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
