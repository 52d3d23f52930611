package postgrestest

import (
	"fmt"
	"testing"
	"time"

	"ingot/ingest/internal/postgres"
)

// StandStill makes a connection of the pool begin a transaction, take an advisory lock, and do nothing more until the test
// ends. If the pool's timeout is short, a slow machine may not connect in time: it tries again, for a minute.
func StandStill(t testing.TB, pool *postgres.Pool, lock int64) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		conn, err := pool.Acquire(t.Context())
		if err == nil {
			_, err = conn.Conn().PgConn().Exec(t.Context(), fmt.Sprintf("BEGIN; SELECT pg_advisory_xact_lock(%d)", lock)).ReadAll()
			if err == nil {
				t.Cleanup(conn.Release)
				return
			}
			conn.Release()
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
