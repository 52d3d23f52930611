package postgres

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"ingot/internal/event"
)

// finish waits for the answer to a direct batch. Refused, the batch takes the staged
// path. Either way it notes what that says of the filter.
func (w *Writer) finish(ctx context.Context, b *batch, x *exchange, sent func()) error {
	err := x.answer()
	if err == nil {
		w.choose(func(c *pathChooser) {
			c.saw(b.guesses())
			c.ended(false)
		})
		return nil
	}
	var unknown *event.UnknownError
	inDoubt, begun := errors.As(err, &unknown), false
	settled := w.inTurn(ctx, func() error {
		if err := w.alone(ctx); err != nil {
			return err
		}
		begun = true
		if inDoubt {
			return w.doubt(ctx, b, x.session, err)
		}
		return w.refused(ctx, b, err, sent)
	})
	if inDoubt && !begun {
		x.session.giveUp() // nobody has said so yet
		return err
	}
	return settled
}

// refused stages a batch of which the direct path has certainly stored nothing. Which error it was does not matter, but for what is to be learnt.
func (w *Writer) refused(ctx context.Context, b *batch, err error, sent func()) error {
	w.log.Debug("direct path refused, staging the batch", zap.Error(err))
	believed := b.believed != nil
	b.doubtKnown()
	if err := w.staged(ctx, b, sent); err != nil {
		return err
	}
	g := b.guessesInHindsight()
	w.choose(func(c *pathChooser) {
		c.saw(g)
		if !abortedTransaction(err) {
			c.ended(!believed || g.unfounded == 0)
		}
	})
	return nil
}
