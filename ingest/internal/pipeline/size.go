package pipeline

import "time"

// A batch may be more than the store writes in the time of an attempt, where a disk is slow, or a trigger. Every attempt on
// it would be given up then, and so would each after it, while one on a part of it would be stored. So
//
//  1. where an attempt has failed and taken half of its time or longer, the next takes half as many requests, and batches
//     are at most half as large from then on;
//  2. each batch of about that size that is stored lets batches be twice as large again, but
//  3. where that took a quarter of an attempt's time or longer, twice as much may fail: one after such a failure, three
//     after the next, and so on, have to be stored before.
//
// What is slow and stored is not made smaller: where a commit itself takes seconds, as for a flush, smaller batches would
// only be fewer events in the same time. That is also why what is slow lets batches grow at all.

const (
	longShare = 2 // an attempt whose COMMIT is not answered is given up after half of its time (writer)

	// mostPatience bounds how many slow batches are stored before a larger one is tried again. A guess: with half of an
	// attempt lost for 15 that took a quarter or more, that is an eighth of the time at most.
	mostPatience = 15
)

// sizing is how large batches may be. Pipeline.mu guards it.
type sizing struct {
	most     int64 // bytes of a batch's requests
	limit    int64 // Config.BatchBytes
	patience int   // slow batches that have to be stored before most grows
	slow     int   // those that were stored since one was too large
}

func (s *sizing) tooLarge(bytes int64) {
	s.most = min(s.most, bytes/2)
	s.patience, s.slow = min(2*s.patience+1, mostPatience), 0
}

func (s *sizing) stored(bytes int64, slow bool) {
	if bytes < s.most/2 {
		return // it does not tell how a larger one would fare
	}
	if slow {
		s.slow++
	} else {
		s.patience = 0
	}
	if s.slow >= s.patience {
		s.most = min(2*s.most+1, s.limit)
	}
}

// tooLarge notes a failed attempt, and tells whether it took so long that the next is to be smaller.
func (p *Pipeline) tooLarge(f *flight, tried []*request) bool {
	if len(tried) == 1 || time.Since(f.begun) < p.config.AttemptTimeout/longShare {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size.tooLarge(bytesOf(tried))
	return true
}

// storedLocked notes a batch that was stored.
func (p *Pipeline) storedLocked(live []*request, took time.Duration) {
	if p.size.most < p.size.limit {
		p.size.stored(bytesOf(live), took >= p.config.AttemptTimeout/(2*longShare))
	}
}

func bytesOf(requests []*request) (n int64) {
	for _, r := range requests {
		n += r.bytes
	}
	return n
}
