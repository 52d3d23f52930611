package postgres

import (
	"context"
	"slices"
	"strings"

	"ingot/internal/event"
)

// The direct path ships rows that are believed to be new straight into the table,
// and the whole transaction in one message and one round trip:
//
//	BEGIN; settings; check; COPY events; lock; log row; topics; COMMIT
//
// Suspects that were found beforehand are left out, and those that are believed to
// exist: the Query checks them. The believer may be wrong: then the check fails, or COPY breaks at the
// primary key, the server passes over the rest, nothing is stored, and the batch goes
// the staged way with new ids.
// Which error it was does not matter. Whatever is not an ERROR from the server (the
// connection ends, a FATAL, a warning) is a doubt, and resolved as any other.

const directCopy = "COPY ingot.events (" + stagingColumns + ") FROM STDIN (FORMAT binary); "

// row is a place in the batch.
type row struct {
	e     *event.Event
	group int32
	at    int32 // by arrival order
}

// sortRows lists the rows to ship in the order of their keys, as every writer
// does: sorted batches do not deadlock. Of several copies of a key only the first to
// arrive is listed.
func sortRows(b *batch, rows []row) []row {
	rows = rows[:0]
	at := int32(0)
	for g := range b.groups {
		events := b.groups[g].Events
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

// sendDirect sends the batch on the direct path.
func (w *Writer) sendDirect(ctx context.Context, b *batch, sent func()) *exchange {
	s := w.session
	s.rows = sortRows(b, s.rows)
	for _, r := range s.rows {
		b.stored[r.at] = true
	}
	b.storedCount, b.tried = len(s.rows), true
	s.copyBuf = w.appendDirect(s.copyBuf[:0], b)
	clear(s.rows) // holds on to the batch otherwise

	sent()
	return w.send(ctx, b, s.copyBuf)
}

// appendDirect encodes the whole exchange: the Query, and, if there are rows, CopyData with header, rows
// and trailer, CopyDone. One message may hold a gigabyte; a batch has some megabytes.
func (w *Writer) appendDirect(buf []byte, b *batch) []byte {
	s := w.session
	buf = append(beginMessage(buf, 'Q'), s.begin...)
	if b.believed != nil {
		buf = s.appendCheck(buf, b)
	}
	buf = append(buf, "; "...)
	if b.storedCount > 0 {
		buf = append(buf, directCopy...)
	}
	buf = endMessage(append(w.appendCommit(buf, b), 0), 0)
	if b.storedCount == 0 {
		return buf
	}

	copied := len(buf)
	buf = append(beginMessage(buf, 'd'), copyHeader...)
	for _, r := range s.rows {
		buf = appendRow(buf, r.e, b.first+int64(r.at), b.groups[r.group].ReceivedAt)
	}
	buf = endMessage(append(buf, copyTrailer...), copied)
	done := len(buf)
	return endMessage(beginMessage(buf, 'c'), done)
}
