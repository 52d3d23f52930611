package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"ingot/ingest/internal/dedup"
	"ingot/ingest/internal/feed"
	"ingot/ingest/internal/pipeline"
	"ingot/internal/event"
	"ingot/internal/version"
)

// newMetrics is a registry with the figures of the process itself.
func newMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ingot_build_info", Help: "Always 1; the label says which build runs.",
		ConstLabels: prometheus.Labels{"version": version.String()},
	})
	build.Set(1)
	r.MustRegister(build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// measured is a store that observes how long storing a batch takes, and what became of its events.
type measured struct {
	pipeline.Store
	seconds, events    prometheus.Observer
	stored, duplicates prometheus.Counter
}

// measure registers the figures of a store.
func measure(store pipeline.Store, r *prometheus.Registry) *measured {
	seconds := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "ingot_batch_commit_seconds", Help: "Time to store a batch, from an attempt's start to its commit; behind another batch, that includes the wait for it.",
		Buckets: prometheus.ExponentialBuckets(.0005, 2, 15), // to 8 s; an attempt has 10 s (--attempt-timeout)
	})
	events := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "ingot_batch_events", Help: "Events in a committed batch.",
		Buckets: prometheus.ExponentialBuckets(1, 4, 8), // to 16,384
	})
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ingot_events_total", Help: "Events in committed batches, by what became of them.",
	}, []string{"outcome"})
	r.MustRegister(seconds, events, outcomes)
	return &measured{store, seconds, events, outcomes.WithLabelValues("stored"), outcomes.WithLabelValues("duplicate")}
}

// Merge implements pipeline.Store.
func (m *measured) Merge(ctx context.Context, b event.Batch, sent func()) ([]bool, error) {
	begun := time.Now()
	stored, err := m.Store.Merge(ctx, b, sent)
	if err != nil {
		return stored, err
	}
	m.seconds.Observe(time.Since(begun).Seconds())
	m.events.Observe(float64(len(stored)))
	n := 0
	for _, s := range stored {
		if s {
			n++
		}
	}
	m.stored.Add(float64(n))
	m.duplicates.Add(float64(len(stored) - n))
	return stored, nil
}

// registerFigures shows what the pipeline, the filter and the feed count anyway.
func registerFigures(r *prometheus.Registry, c config, queue *pipeline.Pipeline, filter dedup.Guesser, hub *feed.Hub) {
	of := func(count func(pipeline.Stats) int64) func() float64 {
		return func() float64 { return float64(count(queue.Stats())) }
	}
	counters := []figure{
		{"ingot_events_refused_total", "Events refused because the queue was full or the database was away.", of(func(s pipeline.Stats) int64 { return s.Refused })},
		{"ingot_requests_expired_total", "Requests whose deadline passed before their batch was committed.", of(func(s pipeline.Stats) int64 { return s.Expired })},
		{"ingot_requests_parked_total", "Times a request was set aside: for a key that another transaction holds, for an unexplained error, or as part of a halved batch.", of(func(s pipeline.Stats) int64 { return s.Parked })},
		{"ingot_requests_misjudged_total", "Requests that Postgres had to refuse although the decoder had accepted them.", of(func(s pipeline.Stats) int64 { return s.DecoderMisses })},
		{"ingot_requests_refused_by_constraints_total", "Requests that Postgres refused because of a constraint, trigger or policy that somebody has added to the tables.", of(func(s pipeline.Stats) int64 { return s.ConstraintRefusals })},
		{"ingot_requests_unexplained_total", "Requests that failed with an unexplained error, such as a mistake in a trigger, while others were stored.", of(func(s pipeline.Stats) int64 { return s.Unexplained })},
		{"ingot_batch_commits_sent_total", "Times a batch was sent with its COMMIT; one that the direct path refuses is sent twice.", of(func(s pipeline.Stats) int64 { return s.CommitsSent })},
		{"ingot_batch_attempts_failed_total", "Attempts to store a batch, or to connect for one, that certainly did not commit, with no request to blame.", of(func(s pipeline.Stats) int64 { return s.FailedAttempts })},
		{"ingot_batches_failed_total", "Batches whose requests were answered with an error.", of(func(s pipeline.Stats) int64 { return s.FailedBatches })},
		{"ingot_batches_split_total", "Batches halved to find a request that kept them from being stored.", of(func(s pipeline.Stats) int64 { return s.Splits })},
		{"ingot_batches_lingered_total", "Batches that waited for clients that had just been answered, since other ingesters wrote most batches (--linger).", of(func(s pipeline.Stats) int64 { return s.Lingered })},
		{"ingot_filter_hits_total", "Events in committed batches whose key the filter suspected.", of(func(s pipeline.Stats) int64 { return s.FilterHits })},
		{"ingot_filter_false_positives_total", "Hits on events that were new.", of(func(s pipeline.Stats) int64 { return s.FilterFalsePositives })},
		{"ingot_filter_missed_duplicates_total", "Duplicates that the filter did not know.", of(func(s pipeline.Stats) int64 { return s.FilterMissedDuplicates })},
		{"ingot_filter_learnt_in_vain_total", "Events whose keys the filter learnt from attempts that failed.", of(func(s pipeline.Stats) int64 { return s.FilterLearntInVain })},
	}
	gauges := []figure{
		{"ingot_queue_events", "Events waiting or being committed.", of(func(s pipeline.Stats) int64 { return int64(s.QueuedEvents) })},
		{"ingot_queue_events_limit", "Limit of ingot_queue_events.", func() float64 { return float64(c.QueueEvents) }},
		{"ingot_queue_bytes", "Bytes of the requests waiting or being committed.", of(func(s pipeline.Stats) int64 { return s.QueuedBytes })},
		{"ingot_queue_bytes_limit", "Limit of ingot_queue_bytes.", func() float64 { return float64(c.QueueBytes) }},
		{"ingot_streams", "Open streams and long polls.", func() float64 { return float64(hub.Stats().Subscribers) }},
		{"ingot_streams_limit", "Limit of ingot_streams.", func() float64 { return float64(hub.Stats().Most) }},
		{"ingot_streams_catching_up", "Streams that are behind and read from the table.", func() float64 { return float64(hub.Stats().CatchingUp) }},
	}
	if filter != nil {
		counters = append(counters, figure{"ingot_filter_keys_total", "Keys added to the filter.", func() float64 { return float64(filter.Stats().Keys) }})
		gauges = append(gauges, figure{"ingot_filter_bytes", "Memory of the filter.", func() float64 { return float64(filter.Stats().Bytes) }})
	}
	for _, f := range counters {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: f.name, Help: f.help}, f.of))
	}
	for _, f := range gauges {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: f.name, Help: f.help}, f.of))
	}
}

// figure is a number that another package keeps.
type figure struct {
	name, help string
	of         func() float64
}
