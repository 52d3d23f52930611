package writer

import (
	"context"
	"slices"
)

// The staged path writes a batch in two stages, the merge and the commit, with one round trip each. Here a key that
// exists is no failure, and the primary key decides every answer. If a batch has enough suspects they are looked up
// first, which spares the merge the rows of known keys. The look-up runs while the batch before is being written.

// mergeStaged writes a batch on the staged path. Its caller holds Writer.next; mergeStaged gives it back once it has
// the turn, so that the next batch can be prepared.
func (w *Writer) mergeStaged(ctx context.Context, b *batch) error {
	b.Ahead()
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
	return w.staged(ctx, b)
}

// staged merges a batch and commits it, once no answer is awaited any more. Its caller has the turn.
func (w *Writer) staged(ctx context.Context, b *batch) error {
	if err := w.alone(ctx); err != nil {
		return err
	}
	defer w.staging.Store(false)
	if err := w.stage(ctx, b); err != nil {
		w.rollback(ctx)
		if violatesPolicy(err) {
			if mistake := w.policyFor(ctx, err); mistake != nil {
				return notStored(mistake)
			}
		}
		return classify(err)
	}
	b.committing()
	return w.commit(ctx, b)
}

// stage merges the events whose keys are not known. For a batch of nothing but known keys there is nothing to merge.
func (w *Writer) stage(ctx context.Context, b *batch) error {
	s, err := w.ready(ctx)
	if err != nil {
		return err
	}
	w.staging.Store(true)
	if b.knownTo != "" && b.knownTo != s.server { // keys that another server knows do not count
		b.forgetKnown()
		w.lookers.stale.Store(true)
	}
	if err := s.number(ctx, b); err != nil {
		return unavailable(err)
	}
	if b.known != nil && !slices.Contains(b.known, false) {
		return nil
	}
	lockTimeout := w.timeouts.Lock
	if b.Brief {
		lockTimeout = briefLock
	}
	if err := s.merge(ctx, b, lockTimeout); err != nil {
		return err
	}
	return s.checkWithheld(ctx, b)
}
