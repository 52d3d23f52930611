package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"ingot/internal/event"
)

// The staged path ships rows into a temp table and merges them from there, in three
// round trips: whatever exists is no failure, and every answer is the constraint's.
// Look-ups beforehand spare it the rows of known keys; they run while the batch before
// is being written.

// mergeStaged is entered by who is next. The batch after this one may be got ready as
// soon as it is known that this one goes first.
func (w *Writer) mergeStaged(ctx context.Context, b *batch, ahead, sent func()) error {
	ahead()
	if _, err := w.lookUp(ctx, b, false); err != nil {
		w.cannotLookUp(b, err)
	}
	err := w.turn.take(ctx)
	w.next.give()
	if err != nil {
		return err
	}
	defer w.turn.give()
	if err := w.alone(ctx); err != nil {
		return err
	}
	return w.staged(ctx, b, sent)
}

// staged writes a batch by the staging table, alone and in turn.
func (w *Writer) staged(ctx context.Context, b *batch, sent func()) error {
	defer w.staging.Store(false)
	if err := w.stage(ctx, b); err != nil {
		w.rollback(ctx)
		return classify(err)
	}
	sent()
	return w.commit(ctx, b)
}

// stage ships what is not known into the staging table and merges it; nothing is
// left to do for a batch of known keys.
func (w *Writer) stage(ctx context.Context, b *batch) error {
	s, err := w.ready(ctx)
	if err != nil {
		return err
	}
	w.staging.Store(true)
	if b.knownTo != "" && b.knownTo != s.server { // what another server knows does not count
		b.forgetKnown()
		w.lookers.stale.Store(true)
	}
	if b.tried || b.from != s { // it has no ids, or whatever became of those
		if err := s.number(ctx, b); err != nil {
			return unavailable(err)
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

// ship opens the transaction and copies the rows that are not known into the
// staging table, in one round trip.
func (s *session) ship(ctx context.Context, b *batch) error {
	s.staged += b.received - b.knownCount
	rows := newRowStream(b.groups, b.known, b.first, s.copyBuf)
	s.copyBuf = nil // should the copy break, pgx may still be reading
	begin := s.begin
	if b.brief {
		begin += fmt.Sprintf("; SET LOCAL lock_timeout = %d", milliseconds(briefLock))
	}
	if _, err := s.conn.CopyFrom(ctx, rows, begin+"; "+copyQuery); err != nil {
		return fmt.Errorf("copy staging: %w", err)
	}
	s.copyBuf = rows.buf
	b.begun = true
	return nil
}

// merge runs the one statement that writes keys, and notes which were new.
func (s *session) merge(ctx context.Context, b *batch) error {
	var params [2][8]byte
	binary.BigEndian.PutUint64(params[0][:], uint64(b.first))
	binary.BigEndian.PutUint64(params[1][:], uint64(b.last))
	result := s.conn.ExecPrepared(ctx, mergeName, [][]byte{params[0][:], params[1][:]}, binaryFormat, binaryFormat)
	for result.NextRow() {
		id := int64(binary.BigEndian.Uint64(result.Values()[0]))
		b.stored[id-b.first] = true
		b.storedCount++
	}
	if _, err := result.Close(); err != nil {
		return mergeFailure(fmt.Errorf("merge: %w", err))
	}
	return nil
}

// mergeFailure marks a lock timeout of the merge as what it is: the only locks that
// the merge waits for are those of keys. The same SQLSTATE from another statement
// says nothing about keys.
func mergeFailure(err error) error {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && pgErr.Code == lockNotAvailable {
		return &event.NotStoredError{Reason: event.ReasonKeyHeld, Err: err}
	}
	return err
}

const (
	lockNotAvailable = "55P03"

	// briefLock is how long a brief batch waits for a key: long enough to be let in
	// by another ingester's commit, short enough to hold up nobody. A guess.
	briefLock = 10 * time.Millisecond
)

var binaryFormat = []int16{1}
