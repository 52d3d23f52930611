package postgres

import (
	"encoding/binary"
	"strconv"
)

// The texts of the simple-protocol Queries that end a batch. Such a Query is read
// whole before any of it runs, and has no parameters. So it holds numbers
// and users' text as hex digits alone: nothing in it needs quoting. Numbers
// stand in quotes all the same: a literal without a type is read as what it is to be, where
// an integer would be converted.

// appendCommit appends what ends a batch's transaction.
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

// appendCheck appends the statement that fails the transaction unless all keys that
// are believed to exist do.
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

// hexNewline stands between keys: neither an id nor a topic has control characters.
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
