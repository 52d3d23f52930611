package writer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"

	"ingot/internal/event"
)

// commit ends a staged batch: it sends the fold, the log row and COMMIT as one Query. If that leaves the batch in
// doubt, commit resolves the doubt. Its errors are classed already.
func (w *Writer) commit(ctx context.Context, b *batch) error {
	err := w.sendCommit(ctx, b)
	if err == nil {
		return nil
	}
	if _, unknown := errors.AsType[*event.UnknownError](err); unknown {
		return w.doubt(ctx, b, w.session, err)
	}
	w.rollback(ctx)
	if ofTheLog(err) {
		w.drop() // its block of ids belongs to another log, or it does not know of the trigger
		err = fmt.Errorf("the commit log rejects the batch's row, as it does when the database was restored under an open connection, or when a trigger was put before the rows of ingot.events; the next connection may work: %w", err)
	}
	return err
}

// ofTheLog recognizes the error of a constraint of the commit log.
func ofTheLog(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && ofClass(pgErr.Code, "23") && pgErr.SchemaName == "ingot" && pgErr.TableName == "batches"
}

// doubt gives up the connection that the batch was sent over, since nothing that it still brings can be trusted. Then
// it finds out what became of the batch.
func (w *Writer) doubt(ctx context.Context, b *batch, over *session, err error) error {
	w.staging.Store(false)
	w.log.Warn("batch not committed cleanly", zap.Int64("first_id", b.first), zap.Int("events", b.received), zap.Error(err))
	w.abandon(over)
	if errors.Is(err, errNotLogged) {
		return err
	}
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
	for _, r := range results {
		for _, row := range r.Rows {
			w.sawFold(b, row)
		}
	}
	if err := judgeCommit(s.conn.TxStatus(), lastTag(results), err, warned); err != nil {
		return err
	}
	return judgeLogged(results[len(results)-2].CommandTag.String())
}

// run runs statements as one Query, and tells whether a warning came with the last of them. A warning of another
// statement, such as that transaction ids are running out, says nothing about the COMMIT.
func (s *session) run(ctx context.Context, query string) (results []*pgconn.Result, warned bool, err error) {
	answer := s.conn.Exec(ctx, query)
	for answer.NextResult() {
		results = append(results, answer.ResultReader().Read())
		warned, s.warned = s.warned, false
	}
	err = answer.Close()
	return results, warned || s.warned, err
}

// halfOf is the moment when half of the time that ctx has left will be over. The other half is kept for finding out
// what became of a COMMIT that got no answer. Zero: ctx has no deadline.
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

// commitQuery is the Query that ends a staged batch. If no transaction is open, as for a batch of nothing but known
// keys, it begins one, and is all that is sent.
func (w *Writer) commitQuery(b *batch) string {
	var begin []byte
	if w.session.conn.TxStatus() == 'I' {
		begin = []byte(w.session.begin + "; ")
	}
	return string(w.appendCommit(begin, b))
}

// judgeCommit decides what the answer to the commit Query means. Only a COMMIT tag without a warning is a commit. An
// ERROR certainly is none: the server stops at the statement that failed. Whatever its class, an ERROR does not come
// from anybody's data, since the rows have been accepted by then, except if a deferred constraint refuses one
// (refusedAtCommit). Every other answer leaves the outcome unknown.
func judgeCommit(txStatus byte, tag string, err error, warned bool) error {
	if err != nil {
		if isError(err) && (txStatus == 'E' || txStatus == 'I') {
			if by := refusedAtCommit(err); by != "" {
				return &event.BadDataError{Err: fmt.Errorf("commit: %w", err), By: by}
			}
			return notStored(fmt.Errorf("write the commit log: %w", err))
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
