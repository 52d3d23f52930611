package postgres

import "context"

// The staged path writes a batch in two stages, the merge and the commit, a round trip
// each: whatever exists is no failure, and every answer is the constraint's. Look-ups
// beforehand spare it the rows of known keys, where there are enough of them; they run while
// the batch before is being written.

// mergeStaged is entered by who holds Writer.next, and gives it back once it has the
// turn: the batch after this one may be got ready as soon as this one goes first.
func (w *Writer) mergeStaged(ctx context.Context, b *batch, ahead, sent func()) error {
	ahead()
	if b.costOfSuspects() > w.lookUpBytes {
		if _, err := w.lookUp(ctx, b, false); err != nil {
			w.cannotLookUp(b, err)
		}
	}
	err := w.turn.take(ctx)
	w.next.give()
	if err != nil {
		return err
	}
	defer w.turn.give()
	if err := w.alone(ctx); err != nil {
		return err
	}
	return w.staged(ctx, b, sent)
}

// staged merges a batch and commits it, alone and in turn.
func (w *Writer) staged(ctx context.Context, b *batch, sent func()) error {
	defer w.staging.Store(false)
	if err := w.stage(ctx, b); err != nil {
		w.rollback(ctx)
		return classify(err)
	}
	sent()
	return w.commit(ctx, b)
}

// stage merges what is not known; nothing is left to do for a batch of known keys.
func (w *Writer) stage(ctx context.Context, b *batch) error {
	s, err := w.ready(ctx)
	if err != nil {
		return err
	}
	w.staging.Store(true)
	if b.knownTo != "" && b.knownTo != s.server { // what another server knows does not count
		b.forgetKnown()
		w.lookers.stale.Store(true)
	}
	if b.tried || b.from != s { // it has no ids, or whatever became of those
		if err := s.number(ctx, b); err != nil {
			return unavailable(err)
		}
	}
	if b.knownCount == b.received {
		return nil
	}
	lockTimeout := w.timeouts.Lock
	if b.brief {
		lockTimeout = briefLock
	}
	return s.merge(ctx, b, lockTimeout)
}
