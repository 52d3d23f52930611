package main

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"ingot/ingest/internal/postgres/retention"
)

// retentionPeriod is how often old events are looked for. They may outlive --retention by as much. A guess.
const retentionPeriod = time.Minute

// startRetention deletes what is older than --retention, if that is set, for as long as the server runs. stop breaks off a
// step under way, so that nothing of this step is deleted, and waits until it has ended.
func startRetention(c config, url string, metrics prometheus.Registerer, log *zap.Logger) (stop func(), err error) {
	deleted := prometheus.NewCounter(prometheus.CounterOpts{Name: "ingot_retention_events_total", Help: "Events deleted by this process because they were older than --retention."})
	metrics.MustRegister(deleted)
	if c.Retention == 0 {
		return func() {}, nil
	}
	pruner, err := retention.Open(url, c.QueryTimeout)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { // stopped by cancel, awaited in stop
		look := time.NewTicker(retentionPeriod)
		defer look.Stop()
		for ctx.Err() == nil {
			prune(ctx, pruner, c.Retention, deleted, log)
			select {
			case <-look.C:
			case <-ctx.Done():
			}
		}
	})
	return func() { cancel(); loop.Wait(); pruner.Close() }, nil
}

// prune deletes, step by step, what is too old by now. After each step it rests for as long as the step took, so that for at
// least half of the time no writer can meet a step.
func prune(ctx context.Context, pruner *retention.Pruner, age time.Duration, deleted prometheus.Counter, log *zap.Logger) {
	var events, batches int64
	for more := true; more; {
		begun := time.Now()
		step, err := pruner.Prune(ctx, age)
		if err != nil {
			if ctx.Err() == nil {
				log.Warn("cannot delete old events, will try again", zap.Stringer("retention", age), zap.Error(err))
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
