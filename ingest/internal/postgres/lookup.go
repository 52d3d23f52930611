package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// lookUpQuery finds which of the keys exist.
const lookUpQuery = `
SELECT k.i FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (event_id, topic, i)
JOIN ingot.events AS e ON e.event_id = k.event_id COLLATE "C" AND e.topic = k.topic COLLATE "C"`

// lookUp marks the suspects, or all events, whose keys exist as known. It runs over a
// connection of its own, beside the batch that is being written; rows never go away, so
// what is found stays true. Keys of that batch, before, are believed on the direct path.
func (s *session) lookUp(ctx context.Context, b *batch, p plan, before *batch) error {
	if b.suspects == nil && !p.lookUpAll {
		return nil
	}
	ids, topics, positions := keysToLookUp(b, p.lookUpAll)
	if len(positions) == 0 {
		return nil
	}
	if err := s.openLooker(ctx); err != nil {
		return err
	}
	b.known = make([]bool, b.received)
	params := [][]byte{appendTextArray(nil, ids), appendTextArray(nil, topics)}
	result := s.looker.ExecPrepared(ctx, lookUpName, params, binaryFormat, binaryFormat)
	for result.NextRow() {
		i := int64(binary.BigEndian.Uint64(result.Values()[0]))
		b.known[positions[i-1]] = true
		b.knownCount++
	}
	if _, err := result.Close(); err != nil {
		return fmt.Errorf("look up suspects: %w", err)
	}
	if before != nil && p.direct {
		b.believeIn(before, ids, topics, positions)
	}
	return nil
}

// openLooker sees to the connection that looks keys up, and its plan.
func (s *session) openLooker(ctx context.Context) error {
	if s.looker != nil && s.looker.IsClosed() {
		s.closeLooker()
	}
	if s.looker == nil {
		looker, err := connect(ctx, s.url, setupLooker, s.unanswered, func(*pgconn.Notice) {})
		if err != nil {
			return err
		}
		s.looker, s.lookUpPlan = looker, planned{}
		if err := s.sameServer(ctx); err != nil {
			s.closeLooker()
			return err
		}
	}
	return s.lookUpPlan.prepare(ctx, s.looker, lookUpName, lookUpQuery, pgtype.TextArrayOID, pgtype.TextArrayOID)
}

// sameServer makes sure that keys are looked up where they are written: after a failover
// an old server may still answer, and knows what was lost.
func (s *session) sameServer(ctx context.Context) error {
	results, err := s.looker.Exec(ctx, serverQuery).ReadAll()
	if err != nil {
		return fmt.Errorf("ask for the server's name: %w", err)
	}
	if found := string(results[0].Rows[0][0]); found != s.server {
		return fmt.Errorf("another server answers than the one that is written to: started %s, not %s", found, s.server)
	}
	return nil
}

func (s *session) closeLooker() {
	if s.looker != nil {
		discard(s.looker)
		s.looker = nil
	}
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

func (s *session) prepareCheck(ctx context.Context) error {
	return s.checkPlan.prepare(ctx, s.conn, checkName, checkQuery, pgtype.TextArrayOID, pgtype.TextArrayOID, pgtype.Int8OID)
}

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
