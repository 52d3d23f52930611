package writer

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"ingot/internal/event"
)

// finish waits for the answer to a direct batch. A batch that was refused takes the staged path. Either way finish
// notes what the outcome says about the filter's guesses.
func (w *Writer) finish(ctx context.Context, b *batch, x *exchange) error {
	err := w.answer(ctx, x)
	if err == nil {
		w.choose(func(c *pathChooser) {
			c.saw(b.guesses())
			c.ended(false)
		})
		return nil
	}
	begun := false
	_, inDoubt := errors.AsType[*event.UnknownError](err)
	settled := w.inTurn(ctx, func() error {
		if err := w.alone(ctx); err != nil {
			return err
		}
		begun = true
		if inDoubt {
			return w.doubt(ctx, b, x.session, err)
		}
		return w.refused(ctx, b, err)
	})
	if inDoubt && !begun {
		x.session.giveUp() // ctx ended before doubt could give the connection up
		return err
	}
	return settled
}

// refused stages a batch of which the direct path has certainly stored nothing. The error that refused it matters
// only for what the path chooser learns.
func (w *Writer) refused(ctx context.Context, b *batch, err error) error {
	w.log.Debug("direct path refused, staging the batch", zap.Error(err))
	believed := b.believed != nil
	if believed {
		b.forgetKnown()
	}
	if err := w.staged(ctx, b); err != nil {
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
