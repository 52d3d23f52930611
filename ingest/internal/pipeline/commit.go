package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

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

// attempt runs one Merge under its own time limit, and answers if it succeeds. The keys
// of a batch that is sent ahead are told to the filter at once: the next one may hold
// the same, and comes behind it. A batch that has failed before takes the path that
// needs no guesses, and a brief one, which may well fail, has nothing come behind it.
func (p *Pipeline) attempt(ctx context.Context, f *flight, live []*request, brief bool) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.AttemptTimeout)
	defer cancel()
	b := event.Batch{Groups: make([]event.Group, len(live)), Brief: brief}
	for i, r := range live {
		b.Groups[i] = r.group
	}
	if !f.tried {
		b.Suspects = p.suspects(f, b.Groups)
	}
	if !f.tried && !brief {
		b.Ahead = func() {
			p.learn(b.Groups)
			f.learnt = true
			p.sentAhead(f)
		}
	}
	f.tried = true
	stored, err := p.store.Merge(ctx, b, p.commitSent)
	if err != nil {
		p.notAhead(f)
	}
	switch {
	case err == nil:
		p.deliverStored(f, live, stored)
		if !f.learnt {
			p.learn(b.Groups) // while the answers are on their way
		}
		p.count(b.Suspects, stored)
	case !hasFate(err):
		err = &event.UnknownError{Err: err}
	}
	return err
}

// hasFate tells an error that says what became of the batch.
func hasFate(err error) bool {
	var notStored *event.NotStoredError
	var badData *event.BadDataError
	var unknown *event.UnknownError
	return errors.As(err, &notStored) || errors.As(err, &badData) || errors.As(err, &unknown)
}

// startAttempt marks the batch as under way and returns what still has a waiter, and
// the time to be answered in.
func (p *Pipeline) startAttempt(f *flight, batch []*request) []*request {
	p.mu.Lock()
	defer p.mu.Unlock()
	live := make([]*request, 0, len(batch))
	horizon := p.horizonLocked()
	for _, r := range batch {
		switch {
		case r.answered:
		case r.deadline.After(horizon):
			live = append(live, r)
		default:
			p.stats.Expired++
			p.answerLocked(r, answer{err: &event.NotStoredError{Reason: event.ReasonExpired}})
		}
	}
	f.begun, f.attempting = time.Now(), len(live) > 0
	return live
}

// endAttempt marks the batch as certainly not committed: until the next attempt a
// deadline means "not stored" again.
func (p *Pipeline) endAttempt(f *flight, err error) {
	p.mu.Lock()
	f.attempting = false
	p.stats.FailedAttempts++
	if p.downSince.IsZero() {
		p.downSince = time.Now()
	}
	p.mu.Unlock()
	p.log.Warn("attempt failed, nothing of it is stored", zap.Error(err))
}

// split notes that a batch is halved, and tells whether the halves may be tried now.
// The store works: it has got as far as the keys.
func (p *Pipeline) split(f *flight, err error) (now bool) {
	p.mu.Lock()
	f.attempting = false
	p.downSince = time.Time{}
	p.stats.Splits++
	now = p.maySplitLocked()
	p.mu.Unlock()
	if !now {
		return false // the log has told of those before
	}
	p.log.Warn("a request keeps its batch from being stored, halving the batch", zap.Error(err))
	return true
}

// missed counts a request with data that the decoder should have refused. The store
// works: it has read the data.
func (p *Pipeline) missed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.downSince = time.Time{}
	p.stats.DecoderMisses++
}

// commitSent counts the moment from which on an attempt's fate lies with Postgres.
func (p *Pipeline) commitSent() {
	p.mu.Lock()
	p.stats.CommitsSent++
	p.mu.Unlock()
}

// pause waits between two attempts; false when the time for draining is over.
func (p *Pipeline) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter spreads the attempts of several ingesters: between half of d and d.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}
