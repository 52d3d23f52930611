package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"ingot/internal/event"
)

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
	f.begun, f.attempted = time.Now(), live
	return live
}

// endAttempt marks the batch as certainly not committed: until the next attempt a
// deadline means "not stored" again.
func (p *Pipeline) endAttempt(f *flight, err error) {
	p.mu.Lock()
	f.attempted = nil
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
	f.attempted = nil
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
