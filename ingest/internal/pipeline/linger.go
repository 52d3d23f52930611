package pipeline

import "time"

// Where several processes write to one store, each has a part of the clients, and a batch a part of the events: its
// fixed costs are shared by few, and the commits of all processes stand in one queue. A process that waits a little
// before its next batch holds up nothing then, for the others go on meanwhile. Worth waiting for are the clients that
// were just answered: they are about to come back. So while the store is crowded, a batch begins when as many events
// are queued as the last batch had and left behind, or when a part of the time that it took has passed. A process
// that writes alone begins at once: while it waited, nothing would be written.

// lingerShare: a batch is waited for during a quarter of the time that the batch before took. Measured with an eighth
// and a quarter, docs/decisions/0031.
const lingerShare = 4

// lingerOfDeadline: nor is it waited for so long that somebody's time runs out by that. An attempt wants up to half of the
// deadline (tookLocked).
const lingerOfDeadline = 8

// awaitLocked notes, when a batch is answered, how long the next is worth waiting for, and until how many events are
// there.
func (p *Pipeline) awaitLocked(crowded bool, events int, took time.Duration) {
	p.crowded, p.awaited = crowded && p.config.Linger > 0, 0
	if p.crowded {
		p.stats.Lingered++
		p.awaited = p.queued + events
		p.lingerEnd = time.Now().Add(min(took/lingerShare, p.config.Linger, p.config.Deadline/lingerOfDeadline))
	}
}

// lingerLocked is how much longer the next batch is waited for; not more than zero: it may begin.
func (p *Pipeline) lingerLocked() time.Duration {
	if p.queued >= p.awaited || p.fullLocked() || p.draining {
		return 0
	}
	return time.Until(p.lingerEnd)
}
