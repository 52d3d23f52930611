package pipeline

// Stats are the figures of the pipeline at a moment. Counters run since the start.
type Stats struct {
	QueuedEvents       int   // waiting or being committed
	QueuedBytes        int64 // of their requests
	Batches            int64 // committed
	LastBatch          int   // events of the batch committed last
	CommitsSent        int64 // times a batch was sent with its COMMIT
	FailedAttempts     int64 // attempts, and tries to connect, that failed with no request to blame: certainly not committed
	Splits             int64 // batches halved to find the request that kept them from being stored
	Parked             int64 // times a request went to the side lane (sidelane.go)
	DecoderMisses      int64 // requests that Postgres had to refuse though the decoder had let them pass
	ConstraintRefusals int64 // requests that a constraint, trigger or policy refused which somebody has added to the tables
	Unexplained        int64 // requests that fail by an error nobody can explain although the store works
	Lingered           int64 // times the next batch had to wait because the store was crowded
	FailedBatches      int64 // batches whose requests were told an error
	Refused            int64 // events refused at once: the queue is full, or the store is away
	Expired            int64 // requests whose deadline passed, or left no time for an attempt

	FilterHits             int64 // events whose key the filter suspected
	FilterFalsePositives   int64 // those of the hits that were new
	FilterLearntInVain     int64 // events whose keys the filter learnt before the attempt with them failed
	FilterMissedDuplicates int64 // events that existed though the filter did not suspect them
}

// Stats returns the figures of now.
func (p *Pipeline) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.QueuedEvents, s.QueuedBytes = p.held.events, p.held.bytes
	return s
}
