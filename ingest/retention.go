package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres"
)

// retentionLook is how often old events are looked for. A guess: they outlive --retention by as much.
const retentionLook = time.Minute

// startRetention deletes what is older than --retention while the server runs, if that is set. stop
// breaks off a step under way, of which nothing is deleted then, and waits for that.
func startRetention(c config, url string, metrics prometheus.Registerer, log *zap.Logger) (stop func(), err error) {
	deleted := prometheus.NewCounter(prometheus.CounterOpts{Name: "ingot_retention_events_total", Help: "Events deleted by this process because they were older than --retention."})
	metrics.MustRegister(deleted)
	if c.Retention == 0 {
		return func() {}, nil
	}
	pruner, err := postgres.OpenPruner(url, c.QueryTimeout)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { // stopped by cancel, awaited in stop
		defer close(done)
		look := time.NewTicker(retentionLook)
		defer look.Stop()
		for ctx.Err() == nil {
			prune(ctx, pruner, c.Retention, deleted, log)
			select {
			case <-look.C:
			case <-ctx.Done():
			}
		}
	}()
	return func() { cancel(); <-done; pruner.Close() }, nil
}

// prune deletes step by step what is old by now. It rests as long as a step takes, so that at
// most half of the time a writer may meet one.
func prune(ctx context.Context, pruner *postgres.Pruner, age time.Duration, deleted prometheus.Counter, log *zap.Logger) {
	var events, batches int64
	for more := true; more; {
		begun := time.Now()
		step, err := pruner.Prune(ctx, age)
		if err != nil {
			if ctx.Err() == nil {
				log.Warn("old events could not be deleted now", zap.Stringer("retention", age), zap.Error(err))
			}
			break
		}
		deleted.Add(float64(step.Events))
		events, batches, more = events+step.Events, batches+step.Batches, step.More
		select {
		case <-time.After(time.Since(begun)):
		case <-ctx.Done():
			more = false
		}
	}
	if batches > 0 {
		log.Info("old events deleted", zap.Stringer("retention", age), zap.Int64("events", events), zap.Int64("batches", batches))
	}
}
