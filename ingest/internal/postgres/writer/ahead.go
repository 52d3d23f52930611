package writer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// A direct batch needs nothing from the server but one answer. So the next batch may be sent while that answer is
// awaited: the backend finds it in its socket when it is done with the first, and does not pause. It still runs one
// transaction after the other, in the order sent. If the transaction of a batch fails, the batch behind it finds an
// aborted transaction and fails too.
//
//	next        whoever holds it looks keys up, and is the next to get the turn
//	turn        whoever holds it reads and changes the Writer and its session, and sends
//	exchange    a batch that was sent; its answer is read without the turn, in the order sent
//	alone       waits until all answers are read, before anything that needs a round trip

// exchange is a batch that was sent, and the place of its answer among the answers to other batches.
type exchange struct {
	session *session
	batch   atomic.Pointer[batch] // nil once its answer was read
	before  <-chan struct{}       // closed when the answer to the exchange before was read
	read    chan struct{}         // closed when the answer to this one was read
	off     func() bool           // unregisters giveUp, which the end of the batch's ctx would call
	sendErr error
}

// slot is held by one goroutine at a time.
type slot chan struct{}

// take waits for the slot. If it fails because ctx ended, the slot is not held.
func (s slot) take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
	if err := ctx.Err(); err != nil { // select may have taken a free slot although ctx had ended
		s.give()
		return unavailable(err)
	}
	return nil
}

func (s slot) give() { <-s }

// inTurn runs f while it holds the turn: meanwhile no other committer prepares or sends a batch.
func (w *Writer) inTurn(ctx context.Context, f func() error) error {
	if err := w.turn.take(ctx); err != nil {
		return err
	}
	defer w.turn.give()
	return f()
}

// goesAhead tells whether the batch can be sent without a prior round trip over the
// writing connection.
func (w *Writer) goesAhead(b *batch) bool {
	s := w.session
	return s != nil && !s.broken.Load() && !s.expired() && s.hasIDs(b.received) && !s.checkPlan.due()
}

// busy tells whether an answer is awaited. busy, underWay, alone and send are called only by the committer that has
// the turn.
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

// send sends messages that form one Query with the data of its COPY. It gives the connection up if they are not sent
// within half of the time that ctx has left, and at once when ctx ends.
func (w *Writer) send(ctx context.Context, b *batch, messages []byte) *exchange {
	s := w.session
	x := &exchange{session: s, before: w.last, read: make(chan struct{}), off: context.AfterFunc(ctx, s.giveUp)}
	x.batch.Store(b)
	w.last, w.sent = x.read, x
	_ = s.conn.Conn().SetWriteDeadline(halfOf(ctx))
	_, err := s.conn.Conn().Write(messages)
	_ = s.conn.Conn().SetWriteDeadline(time.Time{})
	if err != nil {
		s.giveUp() // a half message cannot be taken back
		x.sendErr = fmt.Errorf("send the batch: %w", err)
	}
	return x
}

// answer waits until the answers to earlier exchanges are read, then reads the answer to this one and judges it. It
// calls row for each row of it. It gives the connection up if the answer does not come within half of the time that ctx
// has left by then, so that a server that is slow, but works, has time for both.
func (x *exchange) answer(ctx context.Context, row func(values [][]byte)) error {
	<-x.before
	defer close(x.read)
	defer x.batch.Store(nil)
	defer x.off()
	s := x.session
	if x.sendErr != nil {
		return &event.UnknownError{Err: x.sendErr}
	}
	_ = s.conn.Conn().SetReadDeadline(halfOf(ctx))
	a, err := s.readAnswer(func(_ int, values [][]byte) { row(values) })
	_ = s.conn.Conn().SetReadDeadline(time.Time{})
	if err := judgeCommit(s.conn.TxStatus(), string(a.tag), err, a.warned); err != nil {
		return err
	}
	return judgeLogged(string(a.before))
}

// answered is the answer to the commands of one Query, or up to one Sync.
type answered struct {
	done   int    // commands that were completed
	tag    []byte // command tag of the last of them
	before []byte // that of the last but one
	warned bool   // a warning came with the last of them, or after it
}

// readAnswer reads an answer to its end. It calls row for each row, with the number of commands that were completed
// before that row; values may be used only until row returns. The error comes from the server or the connection.
func (s *session) readAnswer(row func(done int, values [][]byte)) (a answered, err error) {
	a.tag, a.before = make([]byte, 0, 32), make([]byte, 0, 32) // a tag is short
	for {
		message, failed := s.conn.ReceiveMessage(context.Background()) // ended by the read deadline, or by giveUp
		if failed != nil {
			s.giveUp()
			return a, fmt.Errorf("wait for the answer: %w", failed)
		}
		switch m := message.(type) {
		case *pgproto3.DataRow:
			row(a.done, m.Values)
		case *pgproto3.CommandComplete:
			a.done++
			a.tag, a.before = append(a.before[:0], m.CommandTag...), a.tag
			a.warned, s.warned = s.warned, false
		case *pgproto3.ErrorResponse:
			err = pgconn.ErrorResponseToPgError(m)
		case *pgproto3.ReadyForQuery:
			a.warned = a.warned || s.warned
			return a, err
		}
	}
}

// giveUp closes the socket: reads from the connection and writes to it fail, now and later.
func (s *session) giveUp() {
	s.broken.Store(true)
	_ = s.conn.Conn().Close()
}

// abortedTransaction recognizes the error of a batch that was sent behind one that failed.
func abortedTransaction(err error) bool { return postgres.SQLState(err) == "25P02" }
