package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

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

// lookUpQuery finds which of the keys exist.
const lookUpQuery = `
SELECT k.i FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (event_id, topic, i)
JOIN ingot.events AS e ON e.event_id = k.event_id COLLATE "C" AND e.topic = k.topic COLLATE "C"`

// lookUp marks the suspects, or all events, whose keys exist as known. It runs
// outside of the transaction; rows never go away, so what is found stays true.
func (s *session) lookUp(ctx context.Context, b *batch, all bool) error {
	if b.suspects == nil && !all {
		return nil
	}
	ids, topics, positions := keysToLookUp(b, all)
	if len(positions) == 0 {
		return nil
	}
	if err := s.prepareLookUp(ctx); err != nil {
		return err
	}
	b.known = make([]bool, b.received)
	params := [][]byte{appendTextArray(nil, ids), appendTextArray(nil, topics)}
	result := s.conn.ExecPrepared(ctx, lookUpName, params, binaryFormat, binaryFormat)
	for result.NextRow() {
		i := int64(binary.BigEndian.Uint64(result.Values()[0]))
		b.known[positions[i-1]] = true
		b.knownCount++
	}
	if _, err := result.Close(); err != nil {
		return fmt.Errorf("look up suspects: %w", err)
	}
	return nil
}

// checkQuery does the same for keys in hex, as a part of the direct path's Query. It
// fails, and the whole Query with it, unless all $3 of them exist.
const checkQuery = `
SELECT 1 / (count(*) = $3)::int FROM unnest($1::text[], $2::text[]) AS k (event_id, topic)
JOIN ingot.events AS e ON e.event_id = convert_from(decode(k.event_id, 'hex'), 'UTF8') COLLATE "C"
	AND e.topic = convert_from(decode(k.topic, 'hex'), 'UTF8') COLLATE "C"`

const (
	lookUpName = "ingot_lookup"
	checkName  = "ingot_check"

	// replanAfter bounds the age of a plan that reads events; other ingesters fill the
	// table as well.
	replanAfter = time.Minute
)

// planned keeps a statement's plan in step with the table. Planning costs as much as
// looking 100 keys up, but a plan made for a table of a page may take the index on
// (topic, id) and read whole topics once there are many. So it is made anew after 1,
// 4, 16, .. uses, and every minute.
type planned struct {
	uses, next int
	at         time.Time
}

func (p *planned) due() bool { return p.uses+1 == p.next || time.Since(p.at) >= replanAfter }

func (p *planned) prepare(ctx context.Context, conn *pgconn.PgConn, name, query string, params ...uint32) error {
	if !p.due() {
		p.uses++
		return nil
	}
	p.uses++
	if p.next > 0 {
		if err := conn.Deallocate(ctx, name); err != nil {
			return fmt.Errorf("drop the plan of %s: %w", name, err)
		}
	}
	if _, err := conn.Prepare(ctx, name, query, params); err != nil {
		return fmt.Errorf("prepare %s: %w", name, err)
	}
	p.next, p.at = 4*p.uses, time.Now()
	return nil
}

func (s *session) prepareLookUp(ctx context.Context) error {
	return s.lookUpPlan.prepare(ctx, s.conn, lookUpName, lookUpQuery, pgtype.TextArrayOID, pgtype.TextArrayOID)
}

func (s *session) prepareCheck(ctx context.Context) error {
	return s.checkPlan.prepare(ctx, s.conn, checkName, checkQuery, pgtype.TextArrayOID, pgtype.TextArrayOID, pgtype.Int8OID)
}

// keysToLookUp lists keys and where their events stand in the batch.
func keysToLookUp(b *batch, all bool) (ids, topics []string, positions []int) {
	at := 0
	for g := range b.groups {
		events := b.groups[g].Events
		for i := range events {
			if all || b.suspects[at] {
				ids = append(ids, events[i].ID)
				topics = append(topics, events[i].Topic)
				positions = append(positions, at)
			}
			at++
		}
	}
	return ids, topics, positions
}

// appendTextArray encodes a text[] in the binary format: dimensions, a flag for
// NULLs, the element type, length and lower bound, then the elements.
func appendTextArray(b []byte, texts []string) []byte {
	for _, v := range []uint32{1, 0, pgtype.TextOID, uint32(len(texts)), 1} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	for _, s := range texts {
		b = appendText(b, s)
	}
	return b
}
