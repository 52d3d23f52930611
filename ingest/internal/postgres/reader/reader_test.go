package reader

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/writer"
	"ingot/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func newReader(t testing.TB, url string) *Reader {
	t.Helper()
	r, err := Open(url, postgres.PoolConfig{Connections: 4, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func newWriter(t testing.TB, url string) *writer.Writer {
	t.Helper()
	hang := writer.Timeouts{Statement: time.Minute, Lock: time.Minute}
	w := writer.New(url, writer.PathAuto, hang, uuid.New(), zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)))
	t.Cleanup(w.Close)
	return w
}

// TestAURLThatCannotBeUnderstood is told when the pools are made, not when they are used.
func TestAURLThatCannotBeUnderstood(t *testing.T) {
	t.Parallel()
	const url = "postgres://127.0.0.1:none/d"
	config := postgres.PoolConfig{Connections: 1, Timeout: time.Minute}
	if r, err := Open(url, config); err == nil {
		r.Close()
		t.Error("a reader is opened")
	}
	if s, err := OpenSubscriptions(url, config, 1); err == nil {
		s.Close()
		t.Error("subscriptions are opened")
	}
}
