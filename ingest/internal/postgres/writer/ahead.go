package writer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

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
//	exchange    a batch that was sent with its COMMIT; answers are read in the order sent. That to a direct batch is
//	            read without the turn.
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
	case <-w.last.read:
		return false
	default:
		return true
	}
}

// underWay returns the batch whose answer is awaited, or nil.
func (w *Writer) underWay() *batch { return w.last.batch.Load() }

// alone waits until no answer is awaited any more.
func (w *Writer) alone(ctx context.Context) error {
	select {
	case <-w.last.read:
		return nil
	case <-ctx.Done():
		return unavailable(ctx.Err())
	}
}

// send sends messages that form one Query, with the data of its COPY if it has one. It gives the connection up if they
// are not sent within half of the time that ctx has left, and at once when ctx ends.
func (w *Writer) send(ctx context.Context, b *batch, messages []byte) *exchange {
	s := w.session
	x := &exchange{session: s, before: w.last.read, read: make(chan struct{}), off: context.AfterFunc(ctx, s.giveUp)}
	x.batch.Store(b)
	w.last = x
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
// gives the connection up if the answer does not come within half of the time that ctx has left by then, so that a
// server that is slow, but works, has time for both.
func (w *Writer) answer(ctx context.Context, x *exchange) error {
	<-x.before
	defer close(x.read)
	defer x.batch.Store(nil)
	defer x.off()
	s, b := x.session, x.batch.Load()
	if x.sendErr != nil {
		return &event.UnknownError{Err: x.sendErr}
	}
	_ = s.conn.Conn().SetReadDeadline(halfOf(ctx))
	a, err := s.readAnswer(func(_ int, values [][]byte) { w.sawFold(b, values) })
	_ = s.conn.Conn().SetReadDeadline(time.Time{})
	if err := judgeCommit(s.conn.TxStatus(), a, err); err != nil {
		return err
	}
	return judgeLogged(string(a.before))
}

// halfOf is the moment when half of the time that ctx has left will be over. The other half is kept for finding out
// what became of a COMMIT that got no answer. Zero: ctx has no deadline.
func halfOf(ctx context.Context) time.Time {
	deadline, limited := ctx.Deadline()
	if !limited {
		return time.Time{}
	}
	return time.Now().Add(time.Until(deadline) / 2)
}

// abortedTransaction recognizes the error of a batch that was sent behind one that failed.
func abortedTransaction(err error) bool { return postgres.SQLState(err) == "25P02" }
