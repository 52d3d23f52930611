package pipeline

import (
	"context"
	"errors"

	"ingot/internal/event"
)

// commitAll is one of the committers: one flight after the other, until next says that
// it is over.
func (p *Pipeline) commitAll(ctx context.Context) {
	defer p.notify() // it may be over for the other one as well
	f := &flight{}
	for p.next(ctx, f) {
		p.commit(ctx, f, f.batch, f.parcel)
		p.land(f)
	}
}

// commit brings the requests of a batch to an answer. What is certainly not
// committed is tried again for as long as somebody waits for it. A batch that
// cannot be written because of its data, or of a key that another transaction
// holds, is halved, by request, until the request in question is alone: bad data is
// refused, a held key goes to the side lane, and the neighbours are stored.
func (p *Pipeline) commit(ctx context.Context, f *flight, batch []*request, brief bool) {
	for pause := p.config.RetryBase; ; pause = min(2*pause, p.config.RetryMax) {
		err := p.store.Ready(ctx, p.config.AttemptTimeout) // no attempt yet
		live := p.startAttempt(f, batch)
		if len(live) == 0 {
			if err != nil {
				p.endAttempt(f, err) // nobody waits any more, and who comes next is to know
			}
			return
		}
		if err == nil {
			err = p.attempt(ctx, f, live, brief)
		}
		switch whatNow(err) {
		case done:
			return
		case isolate:
			p.isolate(ctx, f, live, err)
			return
		case giveUp:
			p.deliverError(f, live, err)
			if ctx.Err() != nil {
				p.leave(live, &p.left.Unknown)
			}
			return
		}
		p.endAttempt(f, err)
		if !p.pause(ctx, jitter(pause)) {
			p.giveUp(f, live, err)
			return
		}
	}
}

// verdict is what follows from the end of an attempt.
type verdict int

const (
	done    verdict = iota // committed
	retry                  // certainly not committed, and no single request is to blame
	isolate                // certainly not committed because of a request
	giveUp                 // unknown
)

// whatNow is the one table from the end of an attempt to what follows.
func whatNow(err error) verdict {
	if err == nil {
		return done
	}
	var notStored *event.NotStoredError
	var badData *event.BadDataError
	switch {
	case errors.As(err, &badData):
		return isolate
	case errors.As(err, &notStored) && notStored.Reason == event.ReasonKeyHeld:
		return isolate
	case errors.As(err, &notStored):
		return retry
	}
	return giveUp
}

// isolate halves a batch to find the request that is to blame, or deals with it when
// it is alone. The halves wait for keys only briefly: one of them will be in vain.
// When too many were halved lately they wait in the side lane, and everybody else
// goes on.
func (p *Pipeline) isolate(ctx context.Context, f *flight, live []*request, err error) {
	var badData *event.BadDataError
	switch {
	case len(live) > 1:
		treat := func(half []*request) { p.park(f, half) }
		if p.split(f, err) {
			treat = func(half []*request) { p.commit(ctx, f, half, true) }
		}
		treat(live[:len(live)/2])
		treat(live[len(live)/2:])
	case errors.As(err, &badData):
		p.missed()
		p.deliverError(f, live, err)
	default:
		p.park(f, live)
	}
}
