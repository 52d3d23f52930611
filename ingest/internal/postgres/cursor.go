package postgres

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"ingot/internal/event"
)

// A cursor is opaque to clients: base64url of a kind, the position, and a
// checksum that tells a cursor from any other text.
//
//	feed:   'f' commit_seq(8) id(8) identity(4) crc(4)
//	browse: 'd' id(8) crc(4)
//
// identity is taken from the row of the commit log that the position lies in: a
// log that was rewound (by a restore or a failover) and written again has another
// one, and the cursor is refused instead of skipping what came in between.

const (
	kindFeed   = 'f'
	kindBrowse = 'd'
)

// feedPosition is the place behind the event id in batch commitSeq. The zero
// position is the beginning.
type feedPosition struct {
	commitSeq int64
	id        int64
	identity  uint32
}

func (p feedPosition) cursor() string {
	b := []byte{kindFeed}
	b = binary.BigEndian.AppendUint64(b, uint64(p.commitSeq))
	b = binary.BigEndian.AppendUint64(b, uint64(p.id))
	b = binary.BigEndian.AppendUint32(b, p.identity)
	return seal(b)
}

func browseCursor(id int64) string {
	return seal(binary.BigEndian.AppendUint64([]byte{kindBrowse}, uint64(id)))
}

func seal(b []byte) string {
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// unseal returns what was sealed, without the checksum.
func unseal(cursor string, kind byte, size int) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) < 5 || strings.ContainsAny(cursor, "\r\n") { // base64 passes over line ends
		return nil, &event.CursorError{Detail: "not one of ours; take next_cursor as it is"}
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return nil, &event.CursorError{Detail: "not one of ours; take next_cursor as it is"}
	}
	if body[0] != kind || len(body) != size {
		return nil, &event.CursorError{Detail: "it belongs to the other order; order=asc and order=desc have cursors of their own"}
	}
	return body[1:], nil
}

func parseFeedCursor(cursor string) (feedPosition, error) {
	if cursor == "" {
		return feedPosition{}, nil
	}
	b, err := unseal(cursor, kindFeed, 21)
	if err != nil {
		return feedPosition{}, err
	}
	return feedPosition{
		commitSeq: int64(binary.BigEndian.Uint64(b)),
		id:        int64(binary.BigEndian.Uint64(b[8:])),
		identity:  binary.BigEndian.Uint32(b[16:]),
	}, nil
}

// parseBrowseCursor returns the id that the next page must stay below.
func parseBrowseCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 1<<63 - 1, nil
	}
	b, err := unseal(cursor, kindBrowse, 9)
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}
