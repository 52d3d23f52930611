package main

import (
	"time"

	"ingot/ingest/internal/dedup"
	"ingot/ingest/internal/feed"
	"ingot/ingest/internal/httpapi"
	"ingot/ingest/internal/pipeline"
	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/writer"
	"ingot/internal/event"
)

// What the flags say, in the form that each package asks for.

func (c *config) bloom() dedup.Config {
	return dedup.Config{Capacity: c.BloomCapacity, Generations: c.BloomGenerations, FalsePositive: c.BloomFalsePositive}
}

func (c *config) pipeline() pipeline.Config {
	return pipeline.Config{
		QueueEvents: c.QueueEvents, QueueBytes: int64(c.QueueBytes),
		BatchEvents: c.BatchEvents, MostEvents: postgres.BlockSize, BatchBytes: int64(c.BatchBytes), Linger: c.Linger,
		Deadline: c.Deadline, AttemptTimeout: c.AttemptTimeout,
		OutageGrace: c.OutageGrace,
		RetryBase:   min(20*time.Millisecond, c.RetryMax), RetryMax: c.RetryMax,
		DrainTimeout: c.DrainTimeout, SplitsPerSecond: c.SplitsPerSecond,
	}
}

// timeouts are those that Postgres enforces: with them it notices a dead ingester, and ends a statement that the ingester has
// stopped waiting for. Lock is at most a quarter of an attempt, because a batch may wait for a held key twice: on the direct
// path, which has half of the attempt's time, and then on the staged path. If the attempt ended before both waits were over,
// the whole batch would be retried over and over, and none of its events stored for as long as the key is held.
func (c *config) timeouts() writer.Timeouts {
	return writer.Timeouts{Statement: c.AttemptTimeout, Lock: min(c.LockTimeout, c.AttemptTimeout/4)}
}

func (c *config) limits() httpapi.Limits {
	events := event.DefaultLimits()
	events.MaxEvents, events.MaxPayloadBytes = c.MaxEvents, int(c.MaxPayload)
	events.IgnoreUnknown = c.UnknownFields == "ignore"
	return httpapi.Limits{
		Body: int(c.MaxBody), Decompressed: int(c.MaxDecompressed), BodiesInFlight: int64(c.MaxBodiesInFlight), Page: int(c.MaxPage), Reads: int64(c.MaxReadsInFlight), Exports: c.MaxExports,
		Streams: c.MaxStreams, Subscriptions: c.MaxSubscriptions,
		Header: int(c.MaxHeader), Connections: c.MaxConnections,
		ReadTimeout: c.BodyTimeout, WriteTimeout: c.AnswerTimeout, IdleTimeout: c.IdleTimeout,
		QueryTimeout: c.QueryTimeout, Heartbeat: c.StreamHeartbeat, Stall: c.StreamStall, Events: events,
	}
}

// catchUpBytes bounds a page that a stream reads while it catches up, since each of a thousand slow clients may hold one.
// A page of small events reaches its limit of a thousand events first.
const catchUpBytes = 256 << 10

// feed bounds the hub. Its pages are small, so that streams can send one while the hub reads the next.
func (c *config) feed() feed.Config {
	return feed.Config{
		Streams: c.MaxStreams, Buffer: c.StreamBuffer, BufferBytes: int(c.StreamBytes), PageBytes: min(2<<20, int(c.MaxPage)), CatchUpBytes: min(catchUpBytes, int(c.MaxPage)),
		Poll: c.FeedPoll, Stall: c.StreamStall, QueryTimeout: c.QueryTimeout,
	}
}
