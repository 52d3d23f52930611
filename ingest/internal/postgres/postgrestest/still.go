package postgrestest

import (
	"fmt"
	"testing"
	"time"

	"ingot/ingest/internal/postgres"
)

// StandStill has a connection of the pool begin a transaction, take an advisory lock, and do nothing more until the test ends.
// With a short timeout a slow machine takes longer to connect than a statement may: then it tries again, for a minute.
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
