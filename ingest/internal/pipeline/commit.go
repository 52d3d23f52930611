package pipeline

import (
	"context"
	"errors"
	"time"

	"ingot/internal/event"
)

// commitAll is one of the committers: it commits one flight after the other until next returns false.
func (p *Pipeline) commitAll(ctx context.Context) {
	defer p.notify() // the other committer may be done as well
	f := &flight{}
	for p.next(ctx, f) {
		p.commit(ctx, f, f.batch, f.parcel)
		p.land(f)
	}
}

// commit brings each request of a batch to an answer. As long as attempts certainly committed nothing and somebody
// still waits for an answer, it makes another attempt, after a pause.
//
// If the data of a request, or a key that another transaction holds, keeps the batch from being written, the
// committer halves the batch, by request, until the request to blame is alone. Bad data is then refused, a held
// key goes to the side lane, and the neighbours are stored.
//
// After an error that nobody can explain the next attempt takes half as many requests, and others first. Once some are
// stored, the store works, and requests that fail again are to blame (narrow.go).
func (p *Pipeline) commit(ctx context.Context, f *flight, batch []*request, brief bool) {
	how := p.afresh(batch)
	for len(batch) > 0 {
		tried, rest, err := p.try(ctx, f, batch, how.size, brief)
		if len(tried) == 0 {
			if err != nil {
				p.failedForNow(err) // nobody waits any more, but Submit is to know of the outage
			}
			return
		}
		left := p.settle(ctx, f, tried, err)
		if left == done {
			batch, how = rest, p.afresh(rest)
			continue
		}
		p.failedForNow(err)
		if p.tooLarge(f, tried) {
			how.size = max(1, len(tried)/2)
		}
		batch = append(rest, tried...)
		if !pause(ctx, p.slower(&how, left, len(tried), len(rest))) {
			p.giveUp(f, batch, err)
			return
		}
		if left == narrow && len(tried) == 1 && p.yield(f, batch) {
			return
		}
	}
}

// try makes an attempt on the first size requests of a batch that still wait. It returns these, and the rest: both
// are empty if nobody waits.
func (p *Pipeline) try(ctx context.Context, f *flight, batch []*request, size int, brief bool) (tried, rest []*request, err error) {
	begun := time.Now()
	err = p.tookAllTime(begun, p.store.Ready(ctx, p.config.AttemptTimeout)) // connecting is no attempt yet
	tried, rest = p.startAttempt(f, batch, size, err == nil)
	if len(tried) > 0 && err == nil {
		err = p.tookAllTime(f.begun, p.attempt(ctx, f, tried, brief))
	}
	return tried, rest, err
}

// settle deals with the requests of an attempt that has ended. It returns what is left to its caller: retry, narrow,
// or done if nothing is.
func (p *Pipeline) settle(ctx context.Context, f *flight, tried []*request, err error) verdict {
	v := whatNow(err)
	switch {
	case v == isolate:
		p.works() // the store works: the attempt got as far as the data, or the keys
	case v == narrow && p.accuse(tried, err):
		v = isolate
	}
	switch v {
	case isolate:
		f.inVain += time.Since(f.begun)
		p.isolate(ctx, f, tried, err)
	case unknown:
		p.tooLarge(f, tried)
		if _, told := errors.AsType[*event.UnknownError](err); !told { // the store breaks its contract
			err = &event.UnknownError{Err: err}
		}
		p.deliverError(f, tried, err)
		if ctx.Err() != nil {
			p.leave(tried, &p.left.Unknown)
		}
	case retry, narrow:
		return v
	}
	return done
}

// verdict is what follows from the end of an attempt.
type verdict int

const (
	done    verdict = iota // committed
	retry                  // certainly not committed, and no single request is to blame
	narrow                 // certainly not committed, and whether a single request is to blame is not known
	isolate                // certainly not committed because of a request
	unknown                // whether it committed is not known
)

// whatNow is the one table from the end of an attempt to what follows.
func whatNow(err error) verdict {
	notStored, certain := errors.AsType[*event.NotStoredError](err)
	_, badData := errors.AsType[*event.BadDataError](err)
	switch {
	case err == nil:
		return done
	case badData, certain && notStored.Reason == event.ReasonKeyHeld:
		return isolate
	case certain && notStored.Reason == event.ReasonUnexplained:
		return narrow
	case certain:
		return retry
	}
	return unknown
}

// isolate halves a batch to find the request that is to blame, or deals with that request once it is alone. The
// halves wait for held keys only briefly, since one of them will fail again. When too many batches were halved
// lately, the halves are parked in the side lane instead, and all other requests go on.
func (p *Pipeline) isolate(ctx context.Context, f *flight, live []*request, err error) {
	var badData *event.BadDataError
	switch {
	case len(live) > 1:
		treat := func(half []*request) { p.park(f, half) }
		if p.split(err) {
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
