package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/retention"
	"ingot/internal/pgtest"
)

// TestRetentionWithoutADatabase is told of once a look, and not at the stop.
func TestRetentionWithoutADatabase(t *testing.T) {
	t.Parallel()
	pruner, err := retention.Open("postgres://127.0.0.1:1/none", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer pruner.Close()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for ctx, told := range map[context.Context]int{t.Context(): 1, stopped: 0} {
		core, logs := observer.New(zapcore.WarnLevel)
		prune(ctx, pruner, time.Hour, prometheus.NewCounter(prometheus.CounterOpts{Name: "x"}), zap.New(core))
		if n := logs.FilterMessage("cannot delete old events, will try again").Len(); n != told {
			t.Errorf("told %d times, want %d", n, told)
		}
	}
}

// TestRetention: a server deletes what is older than --retention, and tells how much it was. Without it
// events stay.
func TestRetention(t *testing.T) {
	t.Parallel()
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	url := pgtest.New(t)
	c.Serve.Listen, c.Serve.DatabaseURL, c.Serve.AllowUnsafe = "127.0.0.1:0", url, true
	event := func(id string) string {
		return `{"topic":"t","event_id":"` + id + `","source":"s","timestamp":"2026-01-01T00:00:00Z","payload":1}`
	}
	for _, id := range []string{"oldest", "old", "last of the old"} { // the first batch of each process folds
		t.Run(id, func(t *testing.T) { send(t, start(t, c.Serve.config), event(id)) })
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), "UPDATE ingot.batches SET committed_at = committed_at - interval '2 hours'"); err != nil {
		t.Fatal(err)
	}
	left := func(t *testing.T, id string) bool {
		t.Helper()
		var there bool
		if err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM ingot.events WHERE event_id = $1)", id).Scan(&there); err != nil {
			t.Fatal(err)
		}
		return there
	}
	t.Run("for ever", func(t *testing.T) { send(t, start(t, c.Serve.config), event("new")) })
	if !left(t, "oldest") || !left(t, "old") {
		t.Error("deleted though --retention was not set")
	}
	t.Run("an hour", func(t *testing.T) {
		c.Serve.Retention = time.Hour
		base, deleted := startAwaiting(t, c.Serve.config, "old events deleted")
		<-deleted
		if text := read(t, base+"/metrics"); !strings.Contains(text, "\ningot_retention_events_total 2\n") {
			t.Error("not counted")
		}
	})
	if left(t, "oldest") || left(t, "old") || !left(t, "last of the old") || !left(t, "new") {
		t.Error("not the old ones are gone, up to the one whose end is somebody's place")
	}
	if v, err := postgres.Verify(t.Context(), url); err != nil || len(v.Broken) > 0 || v.Received != 4 {
		t.Errorf("%+v, %v", v, err)
	}
}
