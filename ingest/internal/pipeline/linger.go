package pipeline

import "time"

// Where several processes write to one store, each has a part of the clients, so that its batches are small: few events
// share the fixed costs of a batch, and the commits of all processes stand in one queue. A process that waits a little
// before its next batch delays nothing then, since the others go on meanwhile. The clients that were just answered are
// worth waiting for: they are about to come back. So while the store is crowded, a batch begins when as many events are
// queued as the last batch had and left behind, or when a part of the time that it took has passed. A process that
// writes alone begins at once: while it waited, nothing would be written.

// lingerShare: the wait is at most a quarter of the time that the batch before took. Measured with an eighth and a
// quarter, docs/decisions/0031.
const lingerShare = 4

// lingerOfDeadline: nor is the wait longer than an eighth of the deadline, so that it lets no request expire. An attempt
// needs up to half of the deadline (tookLocked).
const lingerOfDeadline = 8

// awaitLocked notes, when a batch is answered, how long to wait before the next, and for how many events.
func (p *Pipeline) awaitLocked(crowded bool, events int, took time.Duration) {
	p.crowded, p.awaited = crowded && p.config.Linger > 0, 0
	if p.crowded {
		p.stats.Lingered++
		p.awaited = p.queued.events + events
		p.lingerEnd = time.Now().Add(min(took/lingerShare, p.config.Linger, p.config.Deadline/lingerOfDeadline))
	}
}

// lingerLocked is how much longer to wait before the next batch; zero or less: it may begin.
func (p *Pipeline) lingerLocked() time.Duration {
	if p.queued.events >= p.awaited || p.fullLocked() || p.draining {
		return 0
	}
	return time.Until(p.lingerEnd)
}
