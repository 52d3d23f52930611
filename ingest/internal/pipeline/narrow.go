package pipeline

import (
	"time"

	"go.uber.org/zap"
)

// An error that nobody can explain, such as that of a trigger which asks for a table that is not there, may be caused by one
// request, or meet all of them. Only other requests can tell. So the committer
//
//  1. makes its attempts smaller, half as large each time, and tries other requests first, with a pause between;
//  2. goes on with all others once some are stored;
//  3. considers requests guilty if attempts with them failed both before and after others were stored. It halves them, as
//     for bad data, but tries one of each half first, until each guilty one is alone, and parks it: the side lane tries it
//     by itself until its deadline. Since the error may pass, it is never refused for good.
//  4. As long as nothing is stored it is an outage. An attempt takes one request at a time by then, and what waits in the
//     queue is tried first: the requests under way go to the side lane as one parcel, of which each try takes another.

// pace is the size of the attempts on a batch, and the pause between them.
type pace struct {
	size  int           // requests that an attempt takes
	pause time.Duration // before the next attempt, jitter aside
}

// afresh is the pace at which attempts on a batch begin: with all of it, or with one request if nothing was stored since an
// attempt on any of it failed. If that one is stored the rest follows; if not, it is out of the others' way.
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

// slower sets the pace after an attempt on tried requests has failed, and returns the pause before the next; rest is how many
// requests the attempt left out. Pauses grow, but not while each attempt takes other requests. In an outage they are the longest
// at once, since each flight that yields lets another request in.
func (p *Pipeline) slower(how *pace, left verdict, tried, rest int) time.Duration {
	if left == narrow {
		how.size = max(1, tried/2)
		switch {
		case rest == 0 && tried > 1:
			return 0 // the first half need not wait
		case p.inOutage():
			return jitter(p.config.RetryMax)
		case rest > 0:
			return jitter(how.pause)
		}
	}
	pause := how.pause
	how.pause = min(2*pause, p.config.RetryMax)
	return jitter(pause)
}

// blame is what unexplained errors say about a request.
type blame struct {
	failed    bool  // an attempt with it has failed
	batches   int64 // how many batches were stored by then
	guilty    bool  // attempts with it failed before and after another batch was stored
	convicted bool  // it was guilty, and alone
}

// accuse notes that an attempt with these requests failed by an error that nobody can explain, and tells whether they
// are considered guilty. They stay guilty.
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
		p.log.Warn("Postgres fails for a request and stores others: the request is retried by itself until its deadline", zap.Error(err))
	}
	return guilty
}

// yield makes a flight whose attempts take one request at a time, and store none, give way to whoever waits: the rest of
// its batch goes to the side lane. It returns false if nobody waits.
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
