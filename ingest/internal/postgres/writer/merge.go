package writer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// The merge is three prepared statements up to one Sync: if one fails the server skips the rest. The rows are the
// parameters of the third, one array per column. Unnesting all arrays in one SELECT list yields the rows in their
// order, and Postgres materializes them nowhere.

const (
	beginName    = "ingot_begin"
	settingsName = "ingot_settings"
	mergeName    = "ingot_merge"

	beforeMerge = 2 // the commands that are completed before the merge's own
)

// mergeQuery has to be filled in with the key (keyQuery).
const mergeQuery = `
INSERT INTO ingot.events (` + columns + `)
SELECT unnest($1::text[]), unnest($2::text[]), unnest($3::int8[]), unnest($4::text[]),
	unnest($5::timestamptz[]), unnest($6::timestamptz[]), unnest($7::json[])
ON CONFLICT (%s) DO NOTHING
RETURNING id`

// keyQuery lists the columns of the key, each with its collation. Without these, ON CONFLICT would look into every unique
// index of the two columns, also into one that takes different texts for the same (with a collation that passes over
// upper and lower case): it would pass over an event that is not there, which was then answered as a duplicate.
const keyQuery = `SELECT string_agg(format('%I COLLATE %s', attname, attcollation::regcollation), ', ') FROM pg_attribute
WHERE attrelid = 'ingot.events'::regclass AND attname IN ('event_id', 'topic')`

// settingsQuery sets what the COMMIT waits for, and how long the merge waits for a key.
func settingsQuery(d postgres.Durability) string {
	return fmt.Sprintf("SELECT set_config('synchronous_commit', '%s', true), set_config('lock_timeout', $1, true)", commitLevel(d))
}

func (s *session) prepareMerge(ctx context.Context, d postgres.Durability) error {
	const texts, times = pgtype.TextArrayOID, pgtype.TimestamptzArrayOID
	key, err := s.conn.Exec(ctx, keyQuery).ReadAll()
	if err != nil {
		return fmt.Errorf("ask for the collations of the key: %w", err)
	}
	for _, p := range []struct {
		name, query string
		params      []uint32
	}{
		{beginName, postgres.Begin, nil},
		{settingsName, settingsQuery(d), []uint32{pgtype.TextOID}},
		{mergeName, fmt.Sprintf(mergeQuery, key[0].Rows[0][0]), []uint32{texts, texts, pgtype.Int8ArrayOID, texts, times, times, pgtype.JSONArrayOID}},
	} {
		if _, err := s.conn.Prepare(ctx, p.name, p.query, p.params); err != nil {
			return fmt.Errorf("prepare %s: %w", p.name, err)
		}
	}
	return nil
}

// merge opens the transaction and writes the rows whose keys are not known, in one round trip. It notes which keys
// were new.
func (s *session) merge(ctx context.Context, b *batch, lockTimeout time.Duration) error {
	s.rows = sortRows(b, s.rows)
	s.merged += len(s.rows)
	s.buf = appendMerge(s.buf[:0], b, s.rows, lockTimeout)
	defer s.shrink()
	clear(s.rows) // else they hold on to the batch

	strange := 0 // rows with ids that the batch did not send, or that came twice: a trigger's doing
	a, err := s.ask(ctx, s.buf, func(done int, values [][]byte) {
		if done != beforeMerge {
			return
		}
		at := int64(binary.BigEndian.Uint64(values[0])) - b.first
		if at < 0 || at >= int64(b.received) || b.stored[at] {
			strange++
			return
		}
		b.stored[at] = true
		b.storedCount++
	})
	switch {
	case err == nil && strange > 0:
		return fmt.Errorf("merge: %d rows have ids that no event of the batch has: does a trigger on ingot.events change them?", strange)
	case err == nil:
		return nil
	}
	if a.done < beforeMerge {
		return unavailable(fmt.Errorf("begin the merge: %w", err))
	}
	return mergeFailure(fmt.Errorf("merge: %w", err))
}

// shrink frees the memory that a large batch has needed.
func (s *session) shrink() {
	if cap(s.buf) > bufKept {
		s.buf = nil
	}
}

// mergeFailure turns a lock timeout of the merge into ReasonKeyHeld, if it was a key's lock or a trigger says so: such an error
// has a context (Where), in any language. A lock of the whole table keeps everybody out; the merge waits for it before it gets
// to a row, so its error has no context. The same SQLSTATE from another statement says nothing about keys.
func mergeFailure(err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && postgres.LockTimedOut(err) && pgErr.Where != "" {
		return &event.NotStoredError{Reason: event.ReasonKeyHeld, Err: err}
	}
	return err
}

// briefLock is how long a brief batch waits for a key: long enough for another ingester's commit to release it, short
// enough to delay nobody. A guess.
const briefLock = 10 * time.Millisecond

// appendMerge encodes the three statements and Sync.
func appendMerge(buf []byte, b *batch, rows []row, lockTimeout time.Duration) []byte {
	buf = appendExecute(buf, beginName, nil)
	buf = appendExecute(buf, settingsName, []appendParam{func(buf []byte) []byte {
		return strconv.AppendInt(buf, postgres.Milliseconds(lockTimeout), 10)
	}})
	array := func(element uint32, appendElement func([]byte, row) []byte) appendParam {
		return func(buf []byte) []byte {
			buf = appendArrayHead(buf, element, len(rows))
			for _, r := range rows {
				buf = appendElement(buf, r)
			}
			return buf
		}
	}
	buf = appendExecute(buf, mergeName, []appendParam{
		array(pgtype.TextOID, func(buf []byte, r row) []byte { return appendText(buf, r.e.ID) }),
		array(pgtype.TextOID, func(buf []byte, r row) []byte { return appendText(buf, r.e.Topic) }),
		array(pgtype.Int8OID, func(buf []byte, r row) []byte { return appendInt64(buf, b.first+int64(r.at)) }),
		array(pgtype.TextOID, func(buf []byte, r row) []byte { return appendText(buf, r.e.Source) }),
		array(pgtype.TimestamptzOID, func(buf []byte, r row) []byte { return appendTime(buf, r.e.Timestamp) }),
		array(pgtype.TimestamptzOID, func(buf []byte, r row) []byte { return appendTime(buf, b.Groups[r.group].ReceivedAt) }),
		array(pgtype.JSONOID, func(buf []byte, r row) []byte { return appendText(buf, r.e.Payload) }),
	})
	sync := len(buf)
	return endMessage(beginMessage(buf, 'S'), sync)
}

// appendParam appends the value of a parameter in the binary format.
type appendParam func(buf []byte) []byte

// appendExecute appends Bind and Execute of a prepared statement; parameters and results
// are in the binary format.
func appendExecute(buf []byte, name string, params []appendParam) []byte {
	const unnamedPortal, allBinary = "\x00", "\x00\x01\x00\x01"
	bind := len(buf)
	buf = append(beginMessage(buf, 'B'), unnamedPortal...)
	buf = append(append(buf, name...), 0)
	buf = binary.BigEndian.AppendUint16(append(buf, allBinary...), uint16(len(params)))
	for _, param := range params {
		at := len(buf)
		buf = param(append(buf, 0, 0, 0, 0))
		binary.BigEndian.PutUint32(buf[at:], uint32(len(buf)-at-4))
	}
	buf = endMessage(append(buf, allBinary...), bind)
	execute := len(buf)
	buf = append(append(beginMessage(buf, 'E'), unnamedPortal...), 0, 0, 0, 0) // 0: all rows
	return endMessage(buf, execute)
}
