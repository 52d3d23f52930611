package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// sampleEvery is how often a Watch looks at /stats; each look costs the ingester a query.
const sampleEvery = 250 * time.Millisecond

// stats is the part of GET /stats that the bench reads. A figure that an ingester does not have stays 0.
type stats struct {
	Received int64 `json:"received"`
	Queue    struct {
		QueuedEvents int   `json:"queued_events"`
		Batches      int64 `json:"batches"`
	} `json:"queue"`
}

// Sample is one look at /stats of all servers.
type Sample struct {
	At       time.Duration `json:"at"` // since the watch began
	Received int64         `json:"received"`
	Batches  int64         `json:"batches"`
	Queued   int           `json:"queued"`
}

// Watch samples servers on one database. Start it once, Stop it once.
type Watch struct {
	servers []*Server
	client  *http.Client
	stop    context.CancelFunc
	done    sync.WaitGroup
	samples []Sample // belongs to loop until Stop
}

// StartWatch samples until Stop.
func StartWatch(ctx context.Context, servers []*Server) *Watch {
	w := &Watch{servers: servers, client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}}
	ctx, w.stop = context.WithCancel(ctx)
	w.done.Go(func() { w.loop(ctx) }) // ends with Stop, which waits
	return w
}

// Stop ends the watch and returns what it saw. Looks that failed are left out: an
// overloaded server may not answer in time.
func (w *Watch) Stop() []Sample {
	w.stop()
	w.done.Wait()
	w.client.CloseIdleConnections()
	return w.samples
}

func (w *Watch) loop(ctx context.Context) {
	begin := time.Now()
	ticks := time.NewTicker(sampleEvery)
	defer ticks.Stop()
	for {
		if s, err := w.look(ctx); err == nil {
			s.At = time.Since(begin)
			w.samples = append(w.samples, s)
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// look adds up the batches and queues of all servers. received is not added up: each server tells that of the whole database.
func (w *Watch) look(ctx context.Context) (Sample, error) {
	var s Sample
	for _, server := range w.servers {
		told, err := readStats(ctx, w.client, server)
		if err != nil {
			return s, err
		}
		s.Received = max(s.Received, told.Received)
		s.Batches += told.Queue.Batches
		s.Queued += told.Queue.QueuedEvents
	}
	return s, nil
}

func readStats(ctx context.Context, client *http.Client, server *Server) (stats, error) {
	var s stats
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server.Address+"/stats", nil)
	if err != nil {
		return s, err
	}
	answer, err := client.Do(r)
	if err != nil {
		return s, fmt.Errorf("stats: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return s, fmt.Errorf("stats: status %d", answer.StatusCode)
	}
	return s, json.NewDecoder(answer.Body).Decode(&s)
}
