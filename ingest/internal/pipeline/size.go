package pipeline

import "time"

// Where a disk or a trigger is slow, a batch may be more than the store writes in the time of an attempt. Every attempt on it
// would then be given up, although a part of it would be stored. So
//
//  1. after an attempt that failed and took half of its time or longer, the next takes half as many requests, and batches
//     are at most half as large from then on;
//  2. each batch of about that size that is stored lets batches be twice as large again, but
//  3. if storing it took a quarter of an attempt's time or longer, twice as much may fail: then one such batch has to be
//     stored first, after the next failure three, and so on.
//
// A slow batch that is stored makes batches no smaller: where the commit itself takes seconds, as for a flush, smaller batches
// would only store fewer events in the same time. For the same reason slow batches let batches grow at all.

const (
	longShare = 2 // an attempt whose COMMIT is not answered is given up after half of its time (writer)

	// mostPatience bounds how many slow batches are stored before a larger one is tried again. A guess: half of an attempt is
	// lost for every 15 that took a quarter of one or more, which is an eighth of the time at most.
	mostPatience = 15
)

// sizing is how large batches may be. Pipeline.mu guards it.
type sizing struct {
	most     int64 // bytes of a batch's requests
	limit    int64 // Config.BatchBytes
	patience int   // how many slow batches have to be stored before most grows
	slow     int   // how many were stored since one was too large
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
	p.size.tooLarge(loadOf(tried).bytes)
	return true
}

// storedLocked notes a batch that was stored.
func (p *Pipeline) storedLocked(live []*request, took time.Duration) {
	if p.size.most < p.size.limit {
		p.size.stored(loadOf(live).bytes, took >= p.config.AttemptTimeout/(2*longShare))
	}
}
