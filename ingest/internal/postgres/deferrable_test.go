package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/postgres/writer"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestReadersWaitForNobody: where the database has transactions serializable and deferrable, what only reads would
// wait for somebody's serializable transaction to end.
func TestReadersWaitForNobody(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	for _, setting := range []string{"default_transaction_isolation = serializable", "default_transaction_deferrable = on"} {
		pgtest.Exec(t, conn, "ALTER DATABASE "+pgx.Identifier{conn.Config().Database}.Sanitize()+" SET "+setting)
	}
	tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.Serializable, AccessMode: pgx.ReadWrite})
	if err != nil {
		t.Fatal(err)
	}
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.events"); n != 0 { // it is under way from here on
		t.Fatalf("%d events", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	core, log := observer.New(zapcore.WarnLevel)
	w := writer.New(url, writer.PathDirect, testTimeouts, uuid.New(), zap.New(core))
	t.Cleanup(w.Close)
	if _, err := postgres.Open(ctx, url); err != nil {
		t.Errorf("open: %v", err)
	}
	if _, err := w.Merge(ctx, event.Batch{Groups: storetest.Groups("a"), Suspects: []bool{true}}, func() {}); err != nil || log.Len() > 0 {
		t.Errorf("write, with a look-up: %v, %v", err, log.All())
	}
	page, err := newReader(t, url).Events(ctx, event.Query{Limit: 10, MaxBytes: 1 << 20})
	if err != nil || len(page.Events) != 1 {
		t.Errorf("read: %d events, %v", len(page.Events), err)
	}
	if err := list(ctx, newSubscriptions(t, url)); err != nil {
		t.Errorf("list subscriptions: %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Errorf("the transaction that nobody was to wait for: %v", err)
	}
}
