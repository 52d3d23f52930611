package main

import (
	"ingot/ingest/internal/dedup"
	"ingot/ingest/internal/feed"
	"ingot/ingest/internal/httpapi"
	"ingot/ingest/internal/pipeline"
)

// figures gathers what /stats shows of this process.
func figures(queue *pipeline.Pipeline, filter dedup.Guesser, hub *feed.Hub) func() httpapi.Figures {
	return func() httpapi.Figures {
		s, streams := queue.Stats(), hub.Stats()
		f := httpapi.FilterStats{Hits: s.FilterHits, FalsePositives: s.FilterFalsePositives, LearntInVain: s.FilterLearntInVain, MissedDuplicates: s.FilterMissedDuplicates}
		if filter != nil {
			of := filter.Stats()
			f.Keys, f.Rotations, f.Fill, f.Bytes = of.Keys, of.Rotations, of.Fill, of.Bytes
		}
		q := httpapi.QueueStats{
			QueuedEvents: s.QueuedEvents, QueuedBytes: s.QueuedBytes, Batches: s.Batches, LastBatch: s.LastBatch,
			FailedAttempts: s.FailedAttempts, FailedBatches: s.FailedBatches, Refused: s.Refused, Expired: s.Expired,
			Splits: s.Splits, Parked: s.Parked, DecoderMisses: s.DecoderMisses, ConstraintRefusals: s.ConstraintRefusals, Unexplained: s.Unexplained, Lingered: s.Lingered,
		}
		return httpapi.Figures{Queue: q, Filter: f, Feed: httpapi.FeedStats{
			Streams: streams.Subscribers, CatchingUp: streams.CatchingUp, MaxStreams: streams.Most,
		}}
	}
}
