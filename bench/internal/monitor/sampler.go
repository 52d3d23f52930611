package monitor

import (
	"context"
	"net/http"
	"sync"
	"time"

	"ingot/bench/internal/server"
)

// sampleEvery is how often a Sampler reads /stats; each time costs the ingester a query.
const sampleEvery = 250 * time.Millisecond

// stats is the part of GET /stats that the bench reads. A figure that an ingester does not have stays 0.
type stats struct {
	Received int64 `json:"received"`
	Queue    struct {
		QueuedEvents int   `json:"queued_events"`
		Batches      int64 `json:"batches"`
	} `json:"queue"`
}

// Sample is what /stats of all ingesters said at a time.
type Sample struct {
	At       time.Duration `json:"at"` // since the Sampler began
	Received int64         `json:"received"`
	Batches  int64         `json:"batches"`
	Queued   int           `json:"queued"`
}

// Sampler reads /stats of ingesters on one database. Stop it once.
type Sampler struct {
	addresses []string
	client    *http.Client
	stop      context.CancelFunc
	done      sync.WaitGroup
	samples   []Sample // belongs to loop until Stop
}

// StartSampler samples until Stop.
func StartSampler(ctx context.Context, addresses []string) *Sampler {
	s := &Sampler{addresses: addresses, client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}}
	ctx, s.stop = context.WithCancel(ctx)
	s.done.Go(func() { s.loop(ctx) }) // ends with Stop, which waits
	return s
}

// Stop ends the Sampler and returns its samples. Those that failed are left out: an
// overloaded server may not answer in time.
func (s *Sampler) Stop() []Sample {
	s.stop()
	s.done.Wait()
	s.client.CloseIdleConnections()
	return s.samples
}

func (s *Sampler) loop(ctx context.Context) {
	begin := time.Now()
	ticks := time.NewTicker(sampleEvery)
	defer ticks.Stop()
	for {
		if sample, err := s.sample(ctx); err == nil {
			sample.At = time.Since(begin)
			s.samples = append(s.samples, sample)
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// sample adds up the batches and queues of all ingesters. received is not added up: each tells that of the whole database.
func (s *Sampler) sample(ctx context.Context) (sum Sample, err error) {
	for _, address := range s.addresses {
		var one stats
		if _, err := server.Get(ctx, s.client, "http://"+address+"/stats", &one); err != nil {
			return sum, err
		}
		sum.Received = max(sum.Received, one.Received)
		sum.Batches += one.Queue.Batches
		sum.Queued += one.Queue.QueuedEvents
	}
	return sum, nil
}
