package writer

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"
)

// The direct path copies rows that are believed to be new straight into the table. It sends the whole transaction at
// once, and needs one round trip:
//
//	BEGIN; settings; check; COPY events; lock; now and then the fold of topics; log row; COMMIT
//
// The rows leave out suspects that a look-up has found, and suspects that are only believed to exist, which the Query
// checks. If such a belief is wrong, the check fails, or COPY fails at the primary key. Then the server skips the rest
// of the Query, nothing is stored, and the batch is staged with new ids, whichever ERROR it was. Anything but an ERROR
// or a clean COMMIT (the connection ends, a FATAL, a warning) puts the batch in doubt, which is resolved like any other.

const directCopy = "COPY ingot.events (" + columns + ") FROM STDIN (FORMAT binary); "

// mergeDirect writes a batch on the direct path. Its caller holds Writer.next; begin gives it back.
func (w *Writer) mergeDirect(ctx context.Context, b *batch, p plan) error {
	x, err := w.begin(ctx, b, p)
	if x == nil {
		return err
	}
	b.Ahead()
	return w.finish(ctx, b, x)
}

// begin prepares the batch and sends it; then it returns an exchange, and finish has to be called. If it had to stage
// the batch instead, it returns no exchange: that batch is finished.
func (w *Writer) begin(ctx context.Context, b *batch, p plan) (x *exchange, err error) {
	defer w.next.give()
	err = w.inTurn(ctx, func() error {
		if err := w.prepare(ctx, b); err != nil {
			return err
		}
		if w.session.beforeRow { // a trigger may keep rows out
			return w.staged(ctx, b)
		}
		if err := w.lookUpBeside(ctx, b, p); err != nil {
			w.cannotLookUp(b, err)
			return w.staged(ctx, b)
		}
		if err := w.session.number(ctx, b); err != nil {
			return unavailable(err)
		}
		x = w.sendDirect(ctx, b)
		return nil
	})
	return x, err
}

// prepare waits until the batch can be sent. Behind another batch nothing is asked over the connection; alone, it is made
// ready, and the check is prepared if its plan is due. The errors of prepare are classed already: no row that could be
// to blame has been sent yet.
func (w *Writer) prepare(ctx context.Context, b *batch) error {
	if w.goesAhead(b) && w.busy() {
		return nil
	}
	if err := w.alone(ctx); err != nil {
		return err
	}
	s, err := w.ready(ctx)
	if err != nil {
		return err
	}
	if err := s.checkPlan.prepare(ctx, s.conn, checkName, checkQuery, pgtype.TextOID, pgtype.TextOID); err != nil {
		return unavailable(err)
	}
	return nil
}

// lookUpBeside finds out which keys exist, unless the batch's Query checks that. The look-up cannot find keys of the
// batch before, which is not committed yet: those are believed to exist.
func (w *Writer) lookUpBeside(ctx context.Context, b *batch, p plan) error {
	if p.check {
		b.believe()
	}
	if b.believed != nil {
		return nil
	}
	before := w.underWay() // asked first: the look-up may miss what that batch commits meanwhile
	asked, err := w.lookUp(ctx, b, p.lookUpAll)
	if err != nil {
		return err
	}
	if b.knownTo != "" && b.knownTo != w.session.server {
		w.lookers.close()
		return fmt.Errorf("a different server answered than the one being written to: %s, not %s", b.knownTo, w.session.server)
	}
	if before != nil {
		b.believeIn(before, asked)
	}
	return nil
}

// sendDirect sends the batch on the direct path.
func (w *Writer) sendDirect(ctx context.Context, b *batch) *exchange {
	s := w.session
	s.rows = sortRows(b, s.rows)
	for _, r := range s.rows {
		b.stored[r.at] = true
	}
	b.storedCount = len(s.rows)
	s.buf = w.appendDirect(s.buf[:0], b)
	clear(s.rows) // else they hold on to the batch
	defer s.shrink()

	b.committing()
	return w.send(ctx, b, s.buf)
}

// appendDirect encodes all that is sent: the Query, and, if there are rows, one CopyData with header, rows and
// trailer, and CopyDone. One message may hold a gigabyte; a batch has some megabytes.
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
		buf = appendRow(buf, r.e, b.first+int64(r.at), b.Groups[r.group].ReceivedAt)
	}
	buf = endMessage(append(buf, copyTrailer...), copied)
	done := len(buf)
	return endMessage(beginMessage(buf, 'c'), done)
}
