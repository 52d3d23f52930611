package httpapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/valyala/fasthttp"
)

// QueueStats are the pipeline's figures in /stats.
type QueueStats struct {
	QueuedEvents   int   `json:"queued_events"`
	QueuedBytes    int64 `json:"queued_bytes"`
	Batches        int64 `json:"batches"`
	LastBatch      int   `json:"last_batch_events"`
	FailedAttempts int64 `json:"failed_attempts"`
	FailedBatches  int64 `json:"failed_batches"`
	Refused        int64 `json:"refused_events"`
	Expired        int64 `json:"expired_requests"`
}

// statsAnswer is the body of GET /stats. The first three and topics are totals of
// all committed attempts of all instances, exact after any crash; the others are
// this process's, since its start.
type statsAnswer struct {
	Received         int64            `json:"received"`
	UniqueProcessed  int64            `json:"unique_processed"`
	DuplicateDropped int64            `json:"duplicate_dropped"`
	Rejected         int64            `json:"rejected"`
	Topics           map[string]int64 `json:"topics"`
	UptimeSeconds    float64          `json:"uptime_seconds"`
	BodiesInFlight   int64            `json:"bodies_in_flight_bytes"`
	Queue            QueueStats       `json:"queue"`
}

func (s *Server) stats(ctx *fasthttp.RequestCtx) {
	bounded, cancel := context.WithTimeout(context.Background(), s.Limits.QueryTimeout)
	defer cancel()
	totals, err := s.Reader.Totals(bounded)
	if err != nil {
		s.problemOf(ctx, &unreadError{err})
		return
	}
	if totals.Topics == nil {
		totals.Topics = map[string]int64{} // an object all the same
	}
	body, err := json.Marshal(statsAnswer{
		Received:         totals.Received,
		UniqueProcessed:  totals.Stored,
		DuplicateDropped: totals.Received - totals.Stored,
		Rejected:         s.rejected.Load(),
		Topics:           totals.Topics,
		UptimeSeconds:    time.Since(s.started).Round(time.Millisecond).Seconds(),
		BodiesInFlight:   s.budget.used.Load(),
		Queue:            s.Queue(),
	})
	if err != nil {
		s.problemOf(ctx, err)
		return
	}
	s.respond(ctx, fasthttp.StatusOK, body)
}
