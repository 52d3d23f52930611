package pipeline

// Stats is a moment of the pipeline. Counters run since the start.
type Stats struct {
	QueuedEvents   int   // waiting or being committed
	QueuedBytes    int64 // of their requests
	Batches        int64 // committed
	LastBatch      int   // events of the batch committed last
	CommitsSent    int64 // times a batch was sent with its COMMIT
	FailedAttempts int64 // attempts that certainly did not commit
	Splits         int64 // batches halved to find the request that kept them from being stored
	Parked         int64 // times a request went to the side lane: for a held key, or half of a batch
	DecoderMisses  int64 // requests that Postgres had to refuse though the decoder had let them pass
	FailedBatches  int64 // batches whose requests were told an error
	Refused        int64 // events refused at once: the queue is full, or the store is away
	Expired        int64 // requests whose deadline passed

	FilterHits             int64 // events whose key the filter suspected
	FilterFalsePositives   int64 // of them, those that were new
	FilterLearntInVain     int64 // events whose keys it learnt when they were sent, of attempts that failed
	FilterMissedDuplicates int64 // events that existed though the filter did not know
}

// Stats returns the figures of now.
func (p *Pipeline) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.QueuedEvents, s.QueuedBytes = p.events, p.bytes
	return s
}
