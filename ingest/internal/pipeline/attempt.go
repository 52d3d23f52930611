package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"ingot/internal/event"
)

// attempt runs one Merge under its own time limit, and answers the requests if it succeeds. When the store calls
// b.Ahead, the next batch may come behind this one and may hold the same keys, so the filter learns the keys of
// this batch at once. A flight that was tried before gets no suspects, so that the store takes the path that needs
// no guesses. Nothing is sent behind such a flight, nor behind a brief attempt, which may well fail.
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
			p.learn(b.Groups, b.Suspects)
			f.learnt = true
			p.sentAhead(f)
		}
	}
	f.tried = true
	stored, err := p.store.Merge(ctx, b, p.commitSent)
	if err != nil {
		p.failed(f, whatNow(err) != unknown)
		return err
	}
	p.deliverStored(f, live, stored)
	if !f.learnt {
		p.learn(b.Groups, b.Suspects) // while the answers are on their way
	}
	p.count(b.Suspects, stored)
	return nil
}

// tookAllTime adds to an error, if all the time was taken, which setting gives that time. An attempt that is too short for the
// store would else look like a store that is away.
func (p *Pipeline) tookAllTime(begun time.Time, err error) error {
	if err == nil || time.Since(begun) < p.config.AttemptTimeout {
		return err
	}
	return fmt.Errorf("%w; the time for it is %s (--attempt-timeout)", err, p.config.AttemptTimeout)
}

// startAttempt notes the requests that an attempt begins with: the first size of the batch that still wait and have
// enough time left. It returns them, and the rest of these. It refuses those that have too little time left. Without a
// connection there will be no attempt.
func (p *Pipeline) startAttempt(f *flight, batch []*request, size int, connected bool) (tried, rest []*request) {
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
			p.answerLocked(r, answer{err: p.expired()})
		}
	}
	size = min(size, len(live))
	tried, rest = live[:size:size], live[size:]
	f.begun = time.Now()
	if connected {
		f.attempted = tried
	}
	return tried, rest
}

// failedForNow notes an attempt, or a try to connect, that failed with no request to blame.
func (p *Pipeline) failedForNow(err error) {
	p.mu.Lock()
	p.stats.FailedAttempts++
	if p.downSince.IsZero() {
		p.downSince = time.Now()
	}
	p.mu.Unlock()
	p.log.Warn("attempt failed, nothing was stored", zap.Error(err))
}

// works notes that the store works.
func (p *Pipeline) works() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.worksLocked()
}

func (p *Pipeline) worksLocked() {
	if p.outageLocked() {
		p.log.Info("the database works again", zap.Time("failed_since", p.downSince))
	}
	p.downSince = time.Time{}
}

// split notes that a batch is halved, and tells whether the committer may try the halves now.
func (p *Pipeline) split(err error) (now bool) {
	p.mu.Lock()
	p.stats.Splits++
	now = p.maySplitLocked()
	p.mu.Unlock()
	if !now {
		return false // the splits that used up the allowance were logged
	}
	p.log.Warn("a request keeps its batch from being stored, halving the batch", zap.Error(err))
	return true
}

// refused counts a request whose data the store refuses.
func (p *Pipeline) refused(badData *event.BadDataError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if badData.By != "" {
		p.stats.ConstraintRefusals++
	} else {
		p.stats.DecoderMisses++
	}
}

// commitSent counts a COMMIT that is about to be sent. From then on the fate of the attempt lies with Postgres.
func (p *Pipeline) commitSent() {
	p.mu.Lock()
	p.stats.CommitsSent++
	p.mu.Unlock()
}

// pause waits between two attempts; false when the time for draining is over.
func pause(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// jitter spreads the attempts of several ingesters: between half of d and d.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}
