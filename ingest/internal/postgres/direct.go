package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"ingot/internal/event"
)

// The direct path ships rows that are believed to be new straight into the table,
// and the whole transaction in one message and one round trip:
//
//	BEGIN; settings; check; COPY events; lock; log row; topics; COMMIT
//
// Suspects are left out. They were looked up beforehand, or the Query checks that
// they exist. The believer may be wrong: then the check fails, or COPY breaks at the
// primary key, the server passes over the rest, nothing is stored, and the batch goes
// the staged way with new ids.
// Which error it was does not matter. Whatever is not an ERROR from the server (the
// connection ends, a FATAL, a warning) is a doubt, and resolved as any other.

const directCopy = "; COPY ingot.events (" + stagingColumns + ") FROM STDIN (FORMAT binary); "

// errFallBack says that the direct path has certainly stored nothing.
var errFallBack = errors.New("the direct path was refused")

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

// direct writes the batch on the direct path. It returns nil or errFallBack, or the
// end of a doubt (commit).
func (w *Writer) direct(ctx context.Context, b *batch, sent func()) error {
	s := w.session
	s.rows = sortRows(b, s.rows)
	for _, r := range s.rows {
		b.stored[r.at] = true
	}
	b.storedCount = len(s.rows)
	s.copyBuf = w.appendDirect(s.copyBuf[:0], b)
	clear(s.rows) // holds on to the batch otherwise

	sent()
	err := s.sendDirect(ctx, s.copyBuf)
	var unknown *event.UnknownError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown):
		return w.doubt(ctx, b, err)
	}
	w.rollback(ctx)
	return fmt.Errorf("%w: %w", errFallBack, err)
}

// appendDirect encodes the whole exchange: the Query, and CopyData with header, rows
// and trailer, CopyDone. One message may hold a gigabyte; a batch has some megabytes.
func (w *Writer) appendDirect(buf []byte, b *batch) []byte {
	s := w.session
	buf = append(beginMessage(buf, 'Q'), s.begin...)
	if b.check {
		buf = s.appendCheck(buf, b)
	}
	buf = w.appendCommit(append(buf, directCopy...), b)
	buf = endMessage(append(buf, 0), 0)

	copied := len(buf)
	buf = append(beginMessage(buf, 'd'), copyHeader...)
	for _, r := range s.rows {
		buf = appendRow(buf, r.e, b.first+int64(r.at), b.groups[r.group].ReceivedAt)
	}
	buf = endMessage(append(buf, copyTrailer...), copied)
	done := len(buf)
	return endMessage(beginMessage(buf, 'c'), done)
}

// sendDirect sends the exchange and judges the answer.
func (s *session) sendDirect(ctx context.Context, exchange []byte) error {
	ctx, cancel := halfOf(ctx)
	defer cancel()
	s.warned = false
	tag, err := s.exchange(ctx, exchange)
	return judgeCommit(s.conn.TxStatus(), tag, err, s.warned)
}

// watch ends what is read and written on the connection when ctx ends, until stop is
// called. pgx would do so anew for each message.
func (s *session) watch(ctx context.Context) (stop func()) {
	conn := s.conn.Conn()
	ended := make(chan struct{})
	off := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0))
		close(ended)
	})
	return func() {
		if !off() {
			<-ended
			_ = conn.SetDeadline(time.Time{})
		}
	}
}

// exchange writes messages that form one Query with the data of its COPY, and reads
// the answer to its end. It returns the last command tag, and the server's error or
// the connection's.
func (s *session) exchange(ctx context.Context, messages []byte) (tag string, err error) {
	defer s.watch(ctx)()
	if _, err := s.conn.Conn().Write(messages); err != nil {
		_ = s.conn.Conn().Close() // a half message cannot be taken back
		return "", fmt.Errorf("send the batch: %w", err)
	}
	var refused error
	last := make([]byte, 0, 32) // a tag is short
	for {
		message, err := s.conn.ReceiveMessage(context.Background()) // watch ends it with ctx
		if err != nil {
			_ = s.conn.Conn().Close()
			return "", fmt.Errorf("wait for the answer: %w", err)
		}
		switch m := message.(type) {
		case *pgproto3.CommandComplete:
			last = append(last[:0], m.CommandTag...)
		case *pgproto3.ErrorResponse:
			refused = pgconn.ErrorResponseToPgError(m)
		case *pgproto3.ReadyForQuery:
			return string(last), refused
		}
	}
}
