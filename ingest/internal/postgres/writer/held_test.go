package writer

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"ingot/ingest/internal/postgres"
	"ingot/ingest/internal/postgres/postgrestest"
	"ingot/ingest/internal/storetest"
	"ingot/internal/event"
	"ingot/internal/pgtest"
)

// TestKeyHeldByAnotherTransaction ends in the lock timeout, certainly not stored.
func TestKeyHeldByAnotherTransaction(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, `BEGIN; INSERT INTO ingot.events VALUES ('held', 't', 0, 's', now(), now(), '1')`)
	w := newWriter(t, url)
	w.timeouts.Lock = 1e6 // 1 ms
	_, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a", "held")}, func() { t.Error("COMMIT was sent") })
	var notStored *event.NotStoredError
	if !errors.As(err, &notStored) || notStored.Reason != event.ReasonKeyHeld {
		t.Fatalf("got %v, want not stored for a held key", err)
	}
	w.timeouts.Lock = time.Minute
	w.Close()
	if _, err = w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("held"), Brief: true}, func() {}); !errors.As(err, &notStored) || notStored.Reason != event.ReasonKeyHeld {
		t.Fatalf("brief: got %v, want not stored for a held key", err)
	}
	pgtest.Exec(t, conn, "ROLLBACK")
	storetest.Merge(t, w, "a", "held")
	postgrestest.CheckLog(t, url)
}

// TestTableLockIsNotAKey: whoever has locked the table keeps everybody out, and no request is to blame.
func TestTableLockIsNotAKey(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	w := newWriter(t, url)
	storetest.Merge(t, w, "a")
	pgtest.Exec(t, conn, "BEGIN; LOCK TABLE ingot.events IN SHARE MODE")
	w.timeouts.Lock = 1e8 // 100 ms
	for _, brief := range []bool{false, true} {
		_, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("b"), Brief: brief}, func() { t.Error("COMMIT was sent") })
		var notStored *event.NotStoredError
		if !errors.As(err, &notStored) || notStored.Reason != event.ReasonUnavailable {
			t.Errorf("brief %t: got %v, want not stored, and not for a key", brief, err)
		}
	}
	pgtest.Exec(t, conn, "ROLLBACK")
	storetest.Merge(t, w, "b")
}

// TestLogLockIsNotAKey: the log's lock held by somebody is not bad data and stores
// nothing either, though COMMIT was on its way.
func TestLogLockIsNotAKey(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	conn := pgtest.Client(t, url)
	pgtest.Exec(t, conn, fmt.Sprintf("BEGIN; SELECT pg_advisory_xact_lock(%d)", postgres.LogLock))
	w := newWriter(t, url)
	w.timeouts.Statement = soonOver
	_, err := w.Merge(t.Context(), event.Batch{Groups: storetest.Groups("a")}, func() {})
	var notStored *event.NotStoredError
	if !errors.As(err, &notStored) || notStored.Reason != event.ReasonUnavailable {
		t.Fatalf("got %v, want not stored, and not for a key", err)
	}
	pgtest.Exec(t, conn, "ROLLBACK")
	w.timeouts = testTimeouts
	w.Close()
	if n := pgtest.Number(t, conn, "SELECT count(*) FROM ingot.events"); n != 0 {
		t.Errorf("%d rows", n)
	}
	storetest.Merge(t, w, "a")
	postgrestest.CheckLog(t, url)
}
