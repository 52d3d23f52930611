package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"ingot/internal/event"
)

// commit ends a staged batch: fold, log row and COMMIT as one Query. It
// resolves a doubt; its errors are classed already.
func (w *Writer) commit(ctx context.Context, b *batch) error {
	err := w.sendCommit(ctx, b)
	if err == nil {
		return nil
	}
	var unknown *event.UnknownError
	if errors.As(err, &unknown) {
		return w.doubt(ctx, b, w.session, err)
	}
	if w.rollback(ctx); constraint(err) {
		w.drop() // its block of ids belongs to another log
		err = fmt.Errorf("the log refuses the batch's row, as after a restore beneath this connection; the next one draws other ids: %w", err)
	}
	return err
}

// doubt gives up the connection that the batch was sent over, nothing that comes over
// it can be trusted, and finds out what became of the batch.
func (w *Writer) doubt(ctx context.Context, b *batch, over *session, err error) error {
	w.staging.Store(false)
	w.log.Warn("batch not committed cleanly", zap.Int64("first_id", b.first), zap.Int("events", b.received), zap.Error(err))
	w.abandon(over)
	return w.resolve(ctx, b, err)
}

// sendCommit sends the commit Query of a staged batch and judges the answer.
func (w *Writer) sendCommit(ctx context.Context, b *batch) error {
	if until := halfOf(ctx); !until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	s := w.session
	results, warned, err := s.run(ctx, w.commitQuery(b))
	return judgeCommit(s.conn.TxStatus(), lastTag(results), err, warned)
}

// run runs statements as one Query, and tells whether the last of them came with a warning: what the
// others warn of, as that transaction ids run short, says nothing of a COMMIT.
func (s *session) run(ctx context.Context, query string) (results []*pgconn.Result, warned bool, err error) {
	s.warned = false
	answer := s.conn.Exec(ctx, query)
	for answer.NextResult() {
		results = append(results, answer.ResultReader().Read())
		warned, s.warned = s.warned, false
	}
	err = answer.Close()
	return results, warned || s.warned, err
}

// halfOf is when half of the time there is will be over; the other half is left to find
// out what became of a COMMIT without an answer. Zero: there is no limit.
func halfOf(ctx context.Context) time.Time {
	deadline, limited := ctx.Deadline()
	if !limited {
		return time.Time{}
	}
	return time.Now().Add(time.Until(deadline) / 2)
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
		return string(w.appendCommit(nil, b))
	}
	return string(w.appendCommit([]byte(w.session.begin+"; "), b))
}

// judgeCommit decides what the answer to the commit Query means. Only a COMMIT
// tag to which no warning belongs is a commit. An ERROR is certainly none: the server
// stops at the statement that failed. It is nobody's data's fault, whatever its class:
// all that stands in that Query has been in the rows. Everything else is unknown.
func judgeCommit(txStatus byte, tag string, err error, warned bool) error {
	if err != nil {
		if isError(err) && (txStatus == 'E' || txStatus == 'I') {
			return unavailable(fmt.Errorf("write the commit log: %w", err))
		}
		return &event.UnknownError{Err: fmt.Errorf("commit: %w", err)}
	}
	switch {
	case tag == "ROLLBACK":
		return unavailable(errors.New("COMMIT answered ROLLBACK"))
	case tag != "COMMIT" || txStatus != 'I':
		return &event.UnknownError{Err: fmt.Errorf("COMMIT answered %q", tag)}
	case warned:
		return &event.UnknownError{Err: errors.New("COMMIT came with a warning")}
	}
	return nil
}
