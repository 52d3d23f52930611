package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"ingot/internal/event"
)

// commitAll is the committer: one batch at a time, until next says that it is over.
func (p *Pipeline) commitAll(ctx context.Context) {
	for {
		batch := p.next(ctx)
		if len(batch) == 0 {
			return
		}
		p.commit(ctx, batch)
		p.release(batch)
	}
}

// commit brings the requests of a batch to an answer. What is certainly not
// committed is tried again for as long as somebody waits for it. A batch that
// Postgres refuses for its data is halved, by request, until the offending request
// is alone; its neighbours are stored.
func (p *Pipeline) commit(ctx context.Context, batch []*request) {
	for pause := p.config.RetryBase; ; pause = min(2*pause, p.config.RetryMax) {
		live := p.startAttempt(batch)
		if len(live) == 0 {
			return
		}
		stored, err := p.attempt(ctx, live)
		var notStored *event.NotStoredError
		var badData *event.BadDataError
		switch {
		case err == nil:
			p.deliverStored(live, stored)
			return
		case errors.As(err, &badData) && len(live) > 1:
			p.split(err)
			p.commit(ctx, live[:len(live)/2])
			p.commit(ctx, live[len(live)/2:])
			return
		case !errors.As(err, &notStored):
			p.deliverError(live, err)
			return
		}
		p.endAttempt(err)
		if !p.pause(ctx, jitter(pause)) {
			p.giveUp(live, err)
			return
		}
	}
}

// attempt runs one Merge under its own time limit.
func (p *Pipeline) attempt(ctx context.Context, live []*request) ([]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, p.config.AttemptTimeout)
	defer cancel()
	groups := make([]event.Group, len(live))
	for i, r := range live {
		groups[i] = r.group
	}
	suspects := p.suspects(groups)
	stored, err := p.store.Merge(ctx, groups, suspects, p.commitSent)
	switch {
	case err == nil:
		p.learn(groups, suspects, stored)
	case !hasFate(err):
		err = &event.UnknownError{Err: err}
	}
	return stored, err
}

// hasFate tells an error that says what became of the batch.
func hasFate(err error) bool {
	var notStored *event.NotStoredError
	var badData *event.BadDataError
	var unknown *event.UnknownError
	return errors.As(err, &notStored) || errors.As(err, &badData) || errors.As(err, &unknown)
}

// startAttempt marks the batch as under way and returns what still has a waiter.
func (p *Pipeline) startAttempt(batch []*request) []*request {
	p.mu.Lock()
	defer p.mu.Unlock()
	live := batch[:0:0]
	for _, r := range batch {
		if !r.answered {
			live = append(live, r)
		}
	}
	p.attempting = len(live) > 0
	return live
}

// endAttempt marks the batch as certainly not committed: until the next attempt a
// deadline means "not stored" again.
func (p *Pipeline) endAttempt(err error) {
	p.mu.Lock()
	p.attempting = false
	p.stats.FailedAttempts++
	if p.downSince.IsZero() {
		p.downSince = time.Now()
	}
	p.mu.Unlock()
	p.log.Warn("attempt failed, nothing of it is stored", zap.Error(err))
}

// split notes that a batch is about to be halved. The store works: it has looked at
// the data.
func (p *Pipeline) split(err error) {
	p.mu.Lock()
	p.attempting = false
	p.downSince = time.Time{}
	p.stats.Splits++
	p.mu.Unlock()
	p.log.Warn("batch refused for its data, halving it", zap.Error(err))
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
