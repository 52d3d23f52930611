package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/reader"
	"ingot/ingest/internal/postgres/retention"
	"ingot/ingest/internal/postgres/writer"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// The tests of package postgres_test are of what writing, reading and deleting do together.

// testTimeouts are hang detectors.
var testTimeouts = writer.Timeouts{Statement: time.Minute, Lock: time.Minute}

func newWriter(t *testing.T, url string, path writer.Path) *writer.Writer {
	t.Helper()
	w := writer.New(url, path, testTimeouts, uuid.New(), zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
	t.Cleanup(w.Close)
	return w
}

func newReader(t *testing.T, url string) *reader.Reader {
	t.Helper()
	r, err := reader.Open(url, postgres.PoolConfig{Connections: 4, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func newSubscriptions(t *testing.T, url string) *reader.Subscriptions {
	t.Helper()
	s, err := reader.OpenSubscriptions(url, postgres.PoolConfig{Connections: 4, Timeout: time.Minute}, 10)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// list reads all subscriptions.
func list(ctx context.Context, s *reader.Subscriptions) error {
	return s.Each(ctx, func(*event.Subscription) error { return nil })
}

func newPruner(t *testing.T, url string) *retention.Pruner {
	t.Helper()
	p, err := retention.Open(url, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// filled writes a history with three writers, a batch a minute.
func filled(t *testing.T, url string, batches int) {
	t.Helper()
	w := func() *writer.Writer { return newWriter(t, url, writer.PathAuto) }
	storetest.History(t, batches, w(), w(), w())
	pgtest.Exec(t, pgtest.Client(t, url), "UPDATE ingot.batches SET committed_at = '2026-01-01 00:00:01Z'::timestamptz + (commit_seq - 1) * interval '1 minute'")
}
