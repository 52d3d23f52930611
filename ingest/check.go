package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"ingot/ingest/internal/postgres"
)

const (
	// maxTimeout is the longest that a timeout of Postgres (statement_timeout) may be: 31 bits of milliseconds, in whole hours.
	maxTimeout = 596 * time.Hour

	// shortest is the least that a pause or a timeout may be. A shorter pause between two polls, tries or heartbeats would keep
	// a core busy. In less time than that nothing is read, sent or stored, and Postgres counts no shorter one. A guess.
	shortest = time.Millisecond

	// maxReadConnections is the most that Postgres' max_connections may be.
	maxReadConnections = 262_143
)

// check finds settings that are out of range, cannot be read, or contradict each other.
func (c *config) check() error {
	positive := map[string]int64{
		"max-body": int64(c.MaxBody), "max-decompressed": int64(c.MaxDecompressed), "max-events": int64(c.MaxEvents), "max-payload": int64(c.MaxPayload),
		"max-bodies-in-flight": int64(c.MaxBodiesInFlight), "max-connections": int64(c.MaxConnections), "max-page": int64(c.MaxPage),
		"read-connections": int64(c.ReadConnections), "max-streams": int64(c.MaxStreams), "max-exports": int64(c.MaxExports), "max-subscriptions": int64(c.MaxSubscriptions),
		"stream-buffer": int64(c.StreamBuffer), "stream-bytes": int64(c.StreamBytes), "queue-events": int64(c.QueueEvents),
		"queue-bytes": int64(c.QueueBytes), "batch-events": int64(c.BatchEvents), "batch-bytes": int64(c.BatchBytes),
		"splits-per-second": int64(c.SplitsPerSecond),
	}
	times := map[string]time.Duration{
		"body-timeout": c.BodyTimeout, "answer-timeout": c.AnswerTimeout, "idle-timeout": c.IdleTimeout, "query-timeout": c.QueryTimeout,
		"stream-heartbeat": c.StreamHeartbeat, "stream-stall": c.StreamStall, "feed-poll": c.FeedPoll,
		"deadline": c.Deadline, "attempt-timeout": c.AttemptTimeout, "lock-timeout": c.LockTimeout,
		"outage-grace": c.OutageGrace, "retry-max": c.RetryMax, "drain-timeout": c.DrainTimeout,
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(positive)) {
		if positive[name] <= 0 {
			errs = append(errs, fmt.Errorf("--%s must be more than 0", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(times)) {
		if times[name] < shortest {
			errs = append(errs, fmt.Errorf("--%s must be at least %s", name, shortest))
		}
	}
	if c.Retention != 0 && c.Retention < postgres.MinRetention {
		errs = append(errs, fmt.Errorf("--retention must be at least %s, or 0s to keep events forever", postgres.MinRetention))
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		errs = append(errs, errors.New("--tls-cert (INGOT_TLS_CERT) and --tls-key (INGOT_TLS_KEY) must be set together: one of them is not set"))
	}
	if err := checkDatabaseURL(c.DatabaseURL); err != nil {
		errs = append(errs, err)
	}
	if err := c.bloom().Check(); err != nil {
		errs = append(errs, fmt.Errorf("--bloom-*: %w", err))
	}
	errs = append(errs, checkHosts(c.AllowedHosts)...)
	return errors.Join(append(errs, c.checkSizes()...)...)
}

// checkDatabaseURL finds a URL that Postgres clients do not understand. One that is not set is no error.
func checkDatabaseURL(url string) error {
	if url == "" {
		return nil
	}
	if err := postgres.CheckURL(url); err != nil {
		return fmt.Errorf("--database-url (DATABASE_URL): %w: use the form postgres://user:password@host/database", err)
	}
	return nil
}

// checkSizes finds bounds that have no room for even one of what they bound, and bounds outside a fixed range.
func (c *config) checkSizes() (errs []error) {
	wants := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wants(c.MaxEvents <= postgres.BlockSize, "--max-events may be at most %d, the size of a block of ids", postgres.BlockSize)
	wants(c.BatchEvents <= postgres.BlockSize, "--batch-events may be at most %d, the size of a block of ids", postgres.BlockSize)
	wants(c.MaxEvents <= c.QueueEvents, "--queue-events must be at least --max-events")
	wants(max(c.MaxBody, c.MaxDecompressed) <= c.QueueBytes, "--queue-bytes must be at least --max-body, and at least --max-decompressed")
	peak := c.limits().Peak()
	wants(peak <= int64(c.MaxBodiesInFlight), "--max-bodies-in-flight must be at least %d: what one request can use, given --max-body, --max-decompressed and --max-events", peak)
	wants(c.MaxPage <= c.MaxReadsInFlight/2, "--max-reads-in-flight must be at least twice --max-page: JSON can double the size of a page")
	wants(max(c.BatchBytes, c.MaxBody, c.MaxDecompressed) <= 512<<20, "--batch-bytes, --max-body and --max-decompressed may be at most 512MiB: Postgres rejects messages of 1 GB")
	wants(c.MaxHeader >= 4<<10 && c.MaxHeader <= 1<<20, "--max-header must be 4KiB to 1MiB: each of --max-connections has a buffer of this size")
	wants(c.Linger >= 0, "--linger must be 0s or more")
	wants(c.MaxPayload <= 64<<20, "--max-payload may be at most 64MiB")
	wants(c.AttemptTimeout <= maxTimeout, "--attempt-timeout may be at most %s: Postgres does not accept a longer timeout", maxTimeout)
	wants(c.QueryTimeout <= maxTimeout, "--query-timeout may be at most %s: Postgres does not accept a longer timeout", maxTimeout)
	wants(c.ReadConnections <= maxReadConnections, "--read-connections may be at most %d: no Postgres allows more connections", maxReadConnections)
	return errs
}
