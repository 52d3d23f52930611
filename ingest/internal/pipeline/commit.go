package pipeline

import (
	"context"
	"errors"

	"ingot/internal/event"
)

// commitAll is one of the committers: it commits one flight after the other until next returns false.
func (p *Pipeline) commitAll(ctx context.Context) {
	defer p.notify() // wakes the other committer: it may be done as well
	f := &flight{}
	for p.next(ctx, f) {
		p.commit(ctx, f, f.batch, f.parcel)
		p.land(f)
	}
}

// commit brings each request of a batch to an answer. As long as the attempts certainly committed nothing and
// somebody waits for an answer, the committer makes another attempt, after a pause.
//
// If the data of a request, or a key that another transaction holds, keeps the batch from being written, the
// committer halves the batch, by request, until the request to blame is alone. Bad data is then refused, a held
// key goes to the side lane, and the neighbours are stored.
func (p *Pipeline) commit(ctx context.Context, f *flight, batch []*request, brief bool) {
	for pause := p.config.RetryBase; ; pause = min(2*pause, p.config.RetryMax) {
		err := p.store.Ready(ctx, p.config.AttemptTimeout) // connecting is no attempt yet
		live := p.startAttempt(f, batch)
		if len(live) == 0 {
			if err != nil {
				p.endAttempt(f, err) // nobody waits any more, but Submit is to know of the outage
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
	giveUp                 // whether it committed is not known
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

// isolate halves a batch to find the request that is to blame, or deals with that request once it is alone. The
// halves wait for held keys only briefly, for one of the halves will fail again. When too many batches were halved
// lately, the halves are parked in the side lane instead, and all other requests go on.
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
		p.refused(badData)
		p.deliverError(f, live, err)
	default:
		p.park(f, live)
	}
}
