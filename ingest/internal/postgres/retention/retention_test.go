package retention

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/reader"
	"ingot/ingest/internal/postgres/writer"
	"ingot/ingest/internal/storetest"
	"ingot/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// testTimeouts are hang detectors.
var testTimeouts = writer.Timeouts{Statement: time.Minute, Lock: time.Minute}

func newWriter(t *testing.T, url string) *writer.Writer {
	t.Helper()
	w := writer.New(url, writer.PathAuto, testTimeouts, uuid.New(), zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
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

// filled writes a history with three writers, a batch a minute, and returns the keys in commit order.
func filled(t *testing.T, url string, batches int) (order []string) {
	t.Helper()
	order = storetest.History(t, batches, newWriter(t, url), newWriter(t, url), newWriter(t, url))
	pgtest.Exec(t, pgtest.Client(t, url), "UPDATE ingot.batches SET committed_at = '2026-01-01 00:00:01Z'::timestamptz + (commit_seq - 1) * interval '1 minute'")
	return order
}
