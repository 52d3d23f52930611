package pipeline

import (
	"time"

	"go.uber.org/zap"
)

// An error that nobody can explain, such as that of a trigger which asks for a table that is not there, may be the fault of one
// request, or everybody's. Only other requests can tell. So the committer
//
//  1. makes its attempts smaller, half as large each time, and tries other requests first, with a pause between;
//  2. goes on with all others once some are stored;
//  3. takes requests for guilty with which an attempt failed before and after others were stored. It halves them, as
//     for bad data, but tries one of each half first, until each that is guilty is alone, and parks it: the side lane tries it
//     by itself until its deadline. Nothing says that it would fail for ever, so it is never refused for good.
//  4. As long as nothing is stored it is an outage. An attempt takes one request at a time by then, and what waits in the
//     queue is tried first: the requests under way go to the side lane, all as one parcel, of which each try takes another.

// pace is how the attempts on a batch follow each other.
type pace struct {
	size  int           // requests that an attempt takes
	pause time.Duration // before the next but the first
}

// afresh is how attempts on a batch begin: with all of it, but with one request if nothing was stored since an attempt on some
// of it failed. If that is stored the rest follows; if not, it is out of the others' way.
func (p *Pipeline) afresh(batch []*request) pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	how := pace{size: len(batch), pause: p.config.RetryBase}
	for _, r := range batch {
		if r.blame.failed && r.blame.batches == p.stats.Batches {
			how.size = 1
		}
	}
	return how
}

// slower sets the pace after an attempt on so many requests has failed, with so many left aside, and returns the pause before the
// next. Pauses grow, but not while each attempt takes other requests; in an outage they are the longest at once, for
// whoever yields lets another request in.
func (p *Pipeline) slower(how *pace, left verdict, tried, rest int) time.Duration {
	if left == narrow {
		how.size = max(1, tried/2)
	}
	switch {
	case left == narrow && rest == 0 && tried > 1:
		return 0 // the first half need not wait
	case left == narrow && p.inOutage():
		return jitter(p.config.RetryMax)
	case left == narrow && rest > 0:
		return jitter(how.pause)
	}
	pause := how.pause
	how.pause = min(2*pause, p.config.RetryMax)
	return jitter(pause)
}

// blame is what unexplained errors say of a request.
type blame struct {
	failed    bool  // an attempt with it has failed
	batches   int64 // that were stored by then
	guilty    bool  // attempts with it failed before and after another batch was stored
	convicted bool  // and it was alone
}

// accuse notes that an attempt with these requests failed by an error that nobody can explain, and tells whether they
// are taken for guilty. Guilty they stay.
func (p *Pipeline) accuse(tried []*request, err error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	stored, guilty := p.stats.Batches, true
	for _, r := range tried {
		guilty = guilty && (r.blame.guilty || r.blame.failed && stored > r.blame.batches)
	}
	for _, r := range tried {
		r.blame.failed, r.blame.batches, r.blame.guilty = true, stored, guilty
	}
	if alone := &tried[0].blame; guilty && len(tried) == 1 && !alone.convicted {
		alone.convicted = true
		p.stats.Unexplained++
		p.log.Warn("Postgres has an error for a request and stores others: it is tried by itself until its deadline", zap.Error(err))
	}
	return guilty
}

// yield has a flight whose attempts take one request at a time, and store none, make room for whoever waits: what is
// left of its batch goes to the side lane. It returns false if nobody waits.
func (p *Pipeline) yield(f *flight, batch []*request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	f.yields = true
	if len(p.queue)+len(p.side) == 0 {
		return false
	}
	p.parkLocked(f, batch)
	p.restSideLocked(0) // the queue comes first
	return true
}
