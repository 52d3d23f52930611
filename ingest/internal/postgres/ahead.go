package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"ingot/internal/event"
)

// A direct batch needs nothing from the server but one answer. So the next one may be
// sent while that answer is awaited: the backend finds it in its socket when it is done,
// and rests for no moment. It still runs one transaction after the other, in the order
// sent; where that of a batch fails, the one behind it finds an aborted transaction and
// fails too.
//
//	next        who holds it looks keys up, and is the next to have the turn
//	turn        who holds it reads and changes the writer and its session, and sends
//	exchange    what was sent ahead; its answer is read without the turn, in the order sent
//	alone       waits until all answers are read: for whatever needs a round trip

// exchange is a batch on its way, and the place of its answer among others.
type exchange struct {
	session *session
	batch   atomic.Pointer[batch] // nil once the answer was read
	before  <-chan struct{}       // closed when the answer of the exchange before was read
	read    chan struct{}         // closed when this one's was
	until   time.Time             // then the answer is waited for no longer
	off     func() bool           // ends the watch on the connection
	sendErr error
}

// slot is held by one at a time.
type slot chan struct{}

// take waits for the slot. When ctx ends first nothing was begun.
func (s slot) take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	if err := ctx.Err(); err != nil { // it may have been free all the same
		s.give()
		return unavailable(err)
	}
	return nil
}

func (s slot) give() { <-s }

// inTurn runs f while no other batch is prepared or sent.
func (w *Writer) inTurn(ctx context.Context, f func() error) error {
	if err := w.turn.take(ctx); err != nil {
		return err
	}
	defer w.turn.give()
	return f()
}

// goesAhead tells whether the batch can be sent without a round trip over the writing
// connection before it.
func (w *Writer) goesAhead(b *batch) bool {
	s := w.session
	return s != nil && !s.broken.Load() && !s.expired() && s.hasIDs(b.received) && !s.checkPlan.due()
}

// busy tells whether an answer is awaited. Like underWay, alone and send it is called in
// turn.
func (w *Writer) busy() bool {
	select {
	case <-w.last:
		return false
	default:
		return true
	}
}

// underWay returns the batch whose answer is awaited, or nil.
func (w *Writer) underWay() *batch {
	if w.sent == nil {
		return nil
	}
	return w.sent.batch.Load()
}

// alone waits until no answer is awaited any more.
func (w *Writer) alone(ctx context.Context) error {
	select {
	case <-w.last:
		return nil
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
}

// send sends messages that form one Query with the data of its COPY. The connection is
// given up when half of the time there is has gone by, and at once when ctx ends.
func (w *Writer) send(ctx context.Context, b *batch, messages []byte) *exchange {
	s := w.session
	x := &exchange{session: s, before: w.last, read: make(chan struct{}), until: halfOf(ctx), off: context.AfterFunc(ctx, s.giveUp)}
	x.batch.Store(b)
	w.last, w.sent = x.read, x
	_ = s.conn.Conn().SetWriteDeadline(x.until)
	_, err := s.conn.Conn().Write(messages)
	_ = s.conn.Conn().SetWriteDeadline(time.Time{})
	if err != nil {
		s.giveUp() // a half message cannot be taken back
		x.sendErr = fmt.Errorf("send the batch: %w", err)
	}
	return x
}

// answer waits for the exchange's turn to be answered, reads the answer and judges it.
func (x *exchange) answer() error {
	<-x.before
	defer close(x.read)
	defer x.batch.Store(nil)
	defer x.off()
	s := x.session
	if x.sendErr != nil {
		return &event.UnknownError{Err: x.sendErr}
	}
	s.warned = false
	_ = s.conn.Conn().SetReadDeadline(x.until)
	a, err := s.readAnswer(func(int, [][]byte) {})
	_ = s.conn.Conn().SetReadDeadline(time.Time{})
	return judgeCommit(s.conn.TxStatus(), string(a.tag), err, a.warned)
}

// answered is what became of the commands that were sent.
type answered struct {
	done   int    // commands that were completed
	tag    []byte // of the last of them
	warned bool   // a warning came with it, or behind it
}

// readAnswer reads up to the end of an answer. row is called for each row, with the number
// of commands that were completed before it; its values are good until it returns. The
// error is the server's or the connection's.
func (s *session) readAnswer(row func(done int, values [][]byte)) (a answered, err error) {
	a.tag = make([]byte, 0, 32) // a tag is short
	for {
		message, failed := s.conn.ReceiveMessage(context.Background()) // the deadline ends it, or giveUp
		if failed != nil {
			s.giveUp()
			return a, fmt.Errorf("wait for the answer: %w", failed)
		}
		switch m := message.(type) {
		case *pgproto3.DataRow:
			row(a.done, m.Values)
		case *pgproto3.CommandComplete:
			a.done++
			a.tag = append(a.tag[:0], m.CommandTag...)
			a.warned, s.warned = s.warned, false
		case *pgproto3.ErrorResponse:
			err = pgconn.ErrorResponseToPgError(m)
		case *pgproto3.ReadyForQuery:
			a.warned = a.warned || s.warned
			return a, err
		}
	}
}

// giveUp ends what is read from the connection and written to it, now and later.
func (s *session) giveUp() {
	s.broken.Store(true)
	_ = s.conn.Conn().Close()
}

// abortedTransaction is what a batch meets that was sent behind one that failed.
func abortedTransaction(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "25P02"
}
