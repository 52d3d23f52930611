package writer

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

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
		err = fmt.Errorf("the commit log rejects the batch's row, as it does when the database was restored under an open connection, or when a trigger was put before the rows of ingot.events, or its key was dropped or rebuilt; the next connection may work: %w", err)
	}
	return err
}

// ofTheLog recognizes the error of a constraint of the commit log.
func ofTheLog(err error) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && ofClass(pgErr.Code, "23") && pgErr.SchemaName == "ingot" && pgErr.TableName == "batches"
}

// sendCommit sends the commit Query of a staged batch and judges the answer. If no transaction is open, as for a batch of
// nothing but known keys, the Query begins one, and is all that is sent.
func (w *Writer) sendCommit(ctx context.Context, b *batch) error {
	s := w.session
	q := beginMessage(s.buf[:0], 'Q')
	if s.conn.TxStatus() == 'I' {
		q = append(append(q, s.begin...), "; "...)
	}
	s.buf = endMessage(append(w.appendCommit(q, b), 0), 0)
	defer s.shrink()
	return w.answer(ctx, w.send(ctx, b, s.buf))
}

// judgeCommit decides what the answer to the commit Query means. Only a COMMIT tag without a warning is a commit. An
// ERROR certainly is none: the server stops at the statement that failed. Whatever its class, an ERROR does not come
// from anybody's data, since the rows have been accepted by then, except if a deferred constraint refuses one
// (refusedAtCommit). Every other answer leaves the outcome unknown.
func judgeCommit(txStatus byte, a answered, err error) error {
	if err != nil {
		if isError(err) && (txStatus == 'E' || txStatus == 'I') {
			if by := refusedAtCommit(err); by != "" {
				return &event.BadDataError{Err: fmt.Errorf("commit: %w", err), By: by}
			}
			return notStored(fmt.Errorf("write the commit log: %w", err))
		}
		return &event.UnknownError{Err: fmt.Errorf("commit: %w", err)}
	}
	switch tag := string(a.tag); {
	case tag == "ROLLBACK":
		return unavailable(errors.New("COMMIT answered ROLLBACK"))
	case tag != "COMMIT" || txStatus != 'I':
		return &event.UnknownError{Err: fmt.Errorf("COMMIT answered %q", tag)}
	case a.warned:
		return &event.UnknownError{Err: errors.New("COMMIT came with a warning")}
	}
	return nil
}
