package postgres

import (
	"context"
	"fmt"
)

// The direct path ships rows that are believed to be new straight into the table,
// and the whole transaction in one message and one round trip:
//
//	BEGIN; settings; check; COPY events; lock; now and then the fold of topics; log row; COMMIT
//
// Suspects that were found beforehand are left out, and those that are believed to
// exist: the Query checks them. The believer may be wrong: then the check fails, or COPY breaks at the
// primary key, the server passes over the rest, nothing is stored, and the batch goes
// the staged way with new ids.
// Which error it was does not matter. Whatever is not an ERROR from the server (the
// connection ends, a FATAL, a warning) is a doubt, and resolved as any other.

const directCopy = "COPY ingot.events (" + columns + ") FROM STDIN (FORMAT binary); "

// mergeDirect is entered by who holds Writer.next; begin gives it back.
func (w *Writer) mergeDirect(ctx context.Context, b *batch, p plan, ahead, sent func()) error {
	x, err := w.begin(ctx, b, p, sent)
	if x == nil {
		return err
	}
	ahead()
	return w.finish(ctx, b, x, sent)
}

// begin prepares the batch and sends it; finish is left to do. Or it stages the
// batch, and there is no exchange.
func (w *Writer) begin(ctx context.Context, b *batch, p plan, sent func()) (x *exchange, err error) {
	defer w.next.give()
	err = w.inTurn(ctx, func() error {
		if p.check {
			b.believe()
		}
		if !w.goesAhead(b) {
			if err := w.alone(ctx); err != nil {
				return err
			}
		}
		if err := w.prepare(ctx, b); err != nil {
			return err
		}
		if err := w.lookUpBeside(ctx, b, p); err != nil {
			return w.withoutLookUp(ctx, b, err, sent)
		}
		x = w.sendDirect(ctx, b, sent)
		return nil
	})
	return x, err
}

// prepare takes ids, and sees to the plan of the check. Its errors are classed: no row
// has been shipped that could be to blame.
func (w *Writer) prepare(ctx context.Context, b *batch) error {
	if !w.busy() {
		if _, err := w.ready(ctx); err != nil {
			return err
		}
	}
	s := w.session
	if err := s.number(ctx, b); err != nil {
		return unavailable(err)
	}
	if b.believed != nil || s.checkPlan.due() {
		if err := w.prepareCheck(ctx); err != nil {
			return unavailable(err)
		}
	}
	return nil
}

// lookUpBeside finds out which keys are known, unless the Query checks them. Keys of the
// batch before, which cannot be found yet, are believed.
func (w *Writer) lookUpBeside(ctx context.Context, b *batch, p plan) error {
	if b.believed != nil {
		return nil
	}
	before := w.underWay() // as the look-up begins: what it commits meanwhile may be missed
	asked, err := w.lookUp(ctx, b, p.lookUpAll)
	if err != nil {
		return err
	}
	if b.knownTo != "" && b.knownTo != w.session.server {
		w.lookers.close()
		return fmt.Errorf("another server answers than the one that is written to: started %s, not %s", b.knownTo, w.session.server)
	}
	if before != nil {
		b.believeIn(before, asked)
	}
	return nil
}

// withoutLookUp writes a batch whose keys could not be looked up: there is no connection
// left for that, or another server answers. The merge needs to know of none.
func (w *Writer) withoutLookUp(ctx context.Context, b *batch, err error, sent func()) error {
	w.cannotLookUp(b, err)
	if err := w.alone(ctx); err != nil {
		return err
	}
	return w.staged(ctx, b, sent)
}

// sendDirect sends the batch on the direct path.
func (w *Writer) sendDirect(ctx context.Context, b *batch, sent func()) *exchange {
	s := w.session
	s.rows = sortRows(b, s.rows)
	for _, r := range s.rows {
		b.stored[r.at] = true
	}
	b.storedCount, b.tried = len(s.rows), true
	s.buf = w.appendDirect(s.buf[:0], b)
	clear(s.rows) // holds on to the batch otherwise
	defer s.shrink()

	sent()
	return w.send(ctx, b, s.buf)
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
