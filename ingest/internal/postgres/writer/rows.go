package writer

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// copyHeader opens a binary COPY stream: signature, flags, header extension
// (PostgreSQL documentation, COPY, "Binary Format").
const copyHeader = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"

// columns are those of ingot.events that a batch writes.
const columns = `event_id, topic, id, source, "timestamp", received_at, payload`

const (
	copyTrailer = "\xff\xff" // a row of -1 fields
	copyColumns = 7
)

// appendRow encodes one row in the order of columns.
func appendRow(b []byte, e *event.Event, id int64, receivedAt time.Time) []byte {
	b = binary.BigEndian.AppendUint16(b, copyColumns)
	b = appendText(b, e.ID)
	b = appendText(b, e.Topic)
	b = appendInt64(b, id)
	b = appendText(b, e.Source)
	b = appendTime(b, e.Timestamp)
	b = appendTime(b, receivedAt)
	return appendText(b, e.Payload)
}

func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

func appendInt64(b []byte, v int64) []byte {
	b = binary.BigEndian.AppendUint32(b, 8)
	return binary.BigEndian.AppendUint64(b, uint64(v))
}

func appendTime(b []byte, at time.Time) []byte { return appendInt64(b, at.UnixMicro()-postgres.Epoch) }

// appendTextArray encodes a text[] in the binary format.
func appendTextArray(b []byte, texts []string) []byte {
	b = appendArrayHead(b, pgtype.TextOID, len(texts))
	for _, s := range texts {
		b = appendText(b, s)
	}
	return b
}

// appendArrayHead encodes what stands before the elements of an array: dimensions, a
// flag for NULLs, the element type, length and lower bound.
func appendArrayHead(b []byte, element uint32, n int) []byte {
	for _, v := range [...]uint32{1, 0, element, uint32(n), 1} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// row is an event to be sent, and its place in the batch.
type row struct {
	e     *event.Event
	group int32
	at    int32 // by arrival order
}

// sortRows lists the rows to send, in the order of their keys. Every writer uses this order, so that batches do not
// deadlock. Of several copies of a key only the first to arrive is listed.
func sortRows(b *batch, rows []row) []row {
	rows = rows[:0]
	at := int32(0)
	for g := range b.Groups {
		events := b.Groups[g].Events
		for i := range events {
			if b.known == nil || !b.known[at] {
				rows = append(rows, row{&events[i], int32(g), at})
			}
			at++
		}
	}
	slices.SortFunc(rows, func(x, y row) int {
		if c := strings.Compare(x.e.ID, y.e.ID); c != 0 {
			return c
		}
		if c := strings.Compare(x.e.Topic, y.e.Topic); c != 0 {
			return c
		}
		return int(x.at - y.at)
	})
	return slices.CompactFunc(rows, func(x, y row) bool { return x.e.ID == y.e.ID && x.e.Topic == y.e.Topic })
}
