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
