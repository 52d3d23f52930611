package event

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"math"
	"strings"
)

// Position is a place in the feed: right behind the event with id ID in the batch with commit_seq Commit. The
// zero Position is the beginning. Identity is taken from the row of that batch in the commit log. If the log
// was rewound (by a restore or a failover) and written again, the row with this commit_seq has another
// identity: the position is refused then, instead of skipping what came in between.
type Position struct {
	Commit   int64 // commit_seq
	ID       int64
	Identity uint32
}

// Compare is -1 when p comes before q in the feed, 0 when they are the same place, 1 when p comes after q.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.Commit, q.Commit), cmp.Compare(p.ID, q.ID))
}

// A cursor is opaque to clients: base64url of a kind, the position, and a
// checksum that tells a cursor from any other text.
//
//	feed:   'f' commit_seq(8) id(8) identity(4) crc(4)
//	browse: 'd' id(8) crc(4)

const (
	kindFeed   = 'f'
	kindBrowse = 'd'
)

// Cursor is the position as clients carry it.
func (p Position) Cursor() string {
	b := make([]byte, 0, 25)
	b = append(b, kindFeed)
	b = binary.BigEndian.AppendUint64(b, uint64(p.Commit))
	b = binary.BigEndian.AppendUint64(b, uint64(p.ID))
	b = binary.BigEndian.AppendUint32(b, p.Identity)
	return seal(b)
}

// ParsePosition reads a cursor of the feed; "" is the beginning. It fails with
// *CursorError for any other text.
func ParsePosition(cursor string) (Position, error) {
	if cursor == "" {
		return Position{}, nil
	}
	b, err := unseal(cursor, kindFeed, 21)
	if err != nil {
		return Position{}, err
	}
	p := Position{
		Commit:   int64(binary.BigEndian.Uint64(b)),
		ID:       int64(binary.BigEndian.Uint64(b[8:])),
		Identity: binary.BigEndian.Uint32(b[16:]),
	}
	// Anyone can seal numbers. Postgres could not tell how far behind one below zero is, and without a batch there is
	// only the beginning.
	if p.Commit < 0 || p.ID < 0 || p.Commit == 0 && p.ID > 0 {
		return Position{}, notOurs()
	}
	return p, nil
}

// BrowseCursor is the cursor of a page that begins below an id, newest first (order=desc).
func BrowseCursor(id int64) string {
	return seal(binary.BigEndian.AppendUint64([]byte{kindBrowse}, uint64(id)))
}

// ParseBrowseCursor returns the id that the next page must stay below; for "" it is the highest there is. It
// fails with *CursorError.
func ParseBrowseCursor(cursor string) (int64, error) {
	if cursor == "" {
		return math.MaxInt64, nil
	}
	b, err := unseal(cursor, kindBrowse, 9)
	if err != nil {
		return 0, err
	}
	id := int64(binary.BigEndian.Uint64(b))
	if id < 0 {
		return 0, notOurs()
	}
	return id, nil
}

func notOurs() error { return &CursorError{Detail: "it is not a valid cursor"} }

func seal(b []byte) string {
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return base64.RawURLEncoding.EncodeToString(b)
}

// unseal returns what was sealed, without the checksum.
func unseal(cursor string, kind byte, size int) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(b) < 5 || strings.ContainsAny(cursor, "\r\n") { // base64 passes over line ends
		return nil, notOurs()
	}
	body, sum := b[:len(b)-4], binary.BigEndian.Uint32(b[len(b)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return nil, notOurs()
	}
	if body[0] != kind || len(body) != size {
		return nil, &CursorError{Detail: "it belongs to the other order; order=asc and order=desc have cursors of their own"}
	}
	return body[1:], nil
}
