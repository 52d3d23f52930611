package postgres

import (
	"encoding/binary"
	"strconv"
)

// The texts of the simple-protocol Queries that end a batch. The server parses such a Query whole before any of it
// runs, and it has no parameters. So it holds only numbers, and users' text as hex digits: nothing in it needs
// quoting. Numbers stand in quotes all the same: a quoted literal has no type and is read as the type that is
// needed, where an integer would have to be converted.

// appendCommit appends the statements that end a batch's transaction.
func (w *Writer) appendCommit(q []byte, b *batch) []byte {
	q = append(q, "EXECUTE ingot_lock; "...)
	topics := w.session.topicsOf(b)
	if b.folds {
		q = append(append(append(q, "EXECUTE ingot_fold ("...), topics...), "); "...)
	}
	q = append(q, "EXECUTE ingot_log ('"...)
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
	at := 0
	for g := range b.groups {
		events := b.groups[g].Events
		for i := range events {
			if b.believed[at] {
				ids = appendHex(append(ids, hexNewline...), events[i].ID)
				topics = appendHex(append(topics, hexNewline...), events[i].Topic)
			}
			at++
		}
	}
	s.texts = [...][]byte{ids, topics}
	q = append(q, "; EXECUTE "+checkName+" ('"...)
	q = append(append(q, ids[len(hexNewline):]...), "', '"...)
	q = append(q, topics[len(hexNewline):]...)
	return append(q, "')"...)
}

// hexNewline separates keys: neither an id nor a topic can hold a control character.
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
