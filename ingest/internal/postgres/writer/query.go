package writer

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// The texts of the simple-protocol Queries that end a batch. The server parses such a Query whole before any of it
// runs, and it has no parameters. So it holds only numbers, and users' text as hex digits: nothing in it needs
// escaping. Numbers are quoted all the same: a quoted literal has no type yet and is read as the type that is needed,
// whereas an integer would have to be converted.

// prepareLock prepares the statement that takes the log's lock. Each batch holds that lock only for a moment, but there
// may be many of them. So the statement waits for it as long as a statement may take, not only as long as for a key.
const prepareLock = `PREPARE ingot_lock AS
	SELECT CASE WHEN set_config('lock_timeout', '0', true) = '0' THEN pg_advisory_xact_lock(%d) END;
`

// prepareLog prepares the statement that writes a batch's row of the log. Its parameters are the first id, how many
// events the batch received and stored, its topics as JSON in hex, and whether it folds. The name, further conditions
// (keyDecides, noneBeforeRows) and the instance have to be filled into the text. No two sessions give the same name: behind a
// pooler that moves sessions between server processes, a batch could otherwise end with the statement of another
// ingester, and its row would name that one. If another batch has ids of this one, or a condition does not hold,
// first_id becomes NULL, which the table refuses: somebody has replaced the tables that the block belongs to, made a
// trigger, or dropped the key. A void row has no ids, and may stand between those of a batch.
const prepareLog = `PREPARE %s (bigint, integer, integer, text, boolean) AS
	INSERT INTO ingot.batches (commit_seq, first_id, last_id, received, stored,
		total_received, total_stored, instance, committed_at, heap_blocks, topics, folded)
	SELECT coalesce(last.commit_seq, 0) + 1,
		CASE WHEN $1 > coalesce((SELECT b.last_id FROM ingot.batches AS b WHERE b.first_id < $1 + $2 AND b.received > 0 ORDER BY b.first_id DESC LIMIT 1), 0) %s THEN $1 END,
		$1 + $2 - 1, $2, $3, coalesce(last.total_received, 0) + $2, coalesce(last.total_stored, 0) + $3, '%s'::uuid, clock_timestamp(),
		pg_relation_size('ingot.events') / current_setting('block_size')::bigint, convert_from(decode($4, 'hex'), 'UTF8')::json, $5
	FROM (VALUES (1)) AS one LEFT JOIN (
		SELECT commit_seq, total_received, total_stored FROM ingot.batches ORDER BY commit_seq DESC LIMIT 1
	) AS last ON true;
`

// keyIndex asks for the index that decides which events are new.
const keyIndex = "SELECT coalesce((SELECT i.indexrelid::bigint FROM pg_index AS i WHERE i.indrelid = 'ingot.events'::regclass AND " +
	postgres.Decides + " = '{event_id,topic}' LIMIT 1), 0)"

// keyDecides is a condition of the log's row: that index is still there. On the direct path nothing else notices that somebody has
// dropped it beneath the session: COPY would store another copy of an event. An index that is not there has no property (NULL),
// and to ask for one costs no query (docs/decisions/0044).
const keyDecides = "AND pg_index_has_property(%d, 'clusterable') IS NOT NULL "

// prepareEnd prepares the statement that ends a batch, once it is known whether there is a trigger before rows.
func (s *session) prepareEnd(ctx context.Context, instance string) error {
	found, err := postgres.QueryNumber(ctx, s.conn, mayWithhold)
	if err != nil {
		return fmt.Errorf("look at the triggers: %w", err)
	}
	key, err := postgres.QueryNumber(ctx, s.conn, keyIndex)
	if err != nil {
		return fmt.Errorf("look for the key of ingot.events: %w", err)
	}
	condition := fmt.Sprintf(keyDecides, key)
	if s.beforeRow = found > 0; !s.beforeRow {
		condition += noneBeforeRows
	}
	if _, err := s.conn.Exec(ctx, fmt.Sprintf(prepareLog, s.logName, condition, instance)).ReadAll(); err != nil {
		return fmt.Errorf("prepare the log's row: %w", err)
	}
	return nil
}

// appendCommit appends the statements that end a batch's transaction.
func (w *Writer) appendCommit(q []byte, b *batch) []byte {
	q = append(q, "EXECUTE ingot_lock; "...)
	topics := w.session.topicsOf(b)
	if b.folds {
		q = append(append(append(q, "EXECUTE ingot_fold ("...), topics...), "); "...)
	}
	q = append(append(append(q, "EXECUTE "...), w.session.logName...), " ('"...)
	for _, n := range [...]int64{b.first, int64(b.received), int64(b.storedCount)} {
		q = append(strconv.AppendInt(q, n, 10), "', '"...)
	}
	q = append(q[:len(q)-1], topics...)
	q = append(q, ", "...)
	return append(strconv.AppendBool(q, b.folds), "); COMMIT"...)
}

// appendCheck appends the statement that fails the transaction unless all keys exist that are believed to.
func (s *session) appendCheck(q []byte, b *batch) []byte {
	ids, topics := s.texts[0][:0], s.texts[1][:0]
	for at, e := range event.Each(b.Groups) {
		if b.believed[at] {
			ids = appendHex(append(ids, hexNewline...), e.ID)
			topics = appendHex(append(topics, hexNewline...), e.Topic)
		}
	}
	s.texts = [...][]byte{ids, topics}
	s.checkPlan.uses++
	q = append(q, "; EXECUTE "+checkName+" ('"...)
	q = append(append(q, ids[len(hexNewline):]...), "', '"...)
	q = append(q, topics[len(hexNewline):]...)
	return append(q, "')"...)
}

// hexNewline separates keys: neither an id nor a topic has control characters.
const hexNewline = "0a"

func appendHex[T string | []byte](b []byte, s T) []byte {
	const digits = "0123456789abcdef"
	for i := range len(s) {
		b = append(b, digits[s[i]>>4], digits[s[i]&15])
	}
	return b
}

// beginMessage and endMessage frame one message of the protocol: type, length, body.
func beginMessage(buf []byte, kind byte) []byte { return append(buf, kind, 0, 0, 0, 0) }

func endMessage(buf []byte, begun int) []byte {
	binary.BigEndian.PutUint32(buf[begun+1:], uint32(len(buf)-begun-1))
	return buf
}
