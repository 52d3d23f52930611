package postgres

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ingot/internal/pgtest"
)

// TestNoTransactionTimeout: Postgres 17 and newer would end sessions in the middle of what takes long; older ones have no
// such setting, and there is nothing to take back.
func TestNoTransactionTimeout(t *testing.T) {
	t.Parallel()
	url := database(t)
	conn := pgtest.Client(t, url)
	if pgtest.Number(t, conn, "SELECT current_setting('server_version_num')::int") >= 17_00_00 {
		pgtest.Exec(t, conn, "ALTER DATABASE "+pgx.Identifier{conn.Config().Database}.Sanitize()+" SET transaction_timeout = '300ms'")
	}
	const takesLong = "BEGIN; SELECT 1 FROM pg_sleep(0.5); COMMIT"
	one, err := Connect(t.Context(), url, setupOpen, unansweredDefault, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer Discard(one)
	if _, err := one.Exec(t.Context(), takesLong).ReadAll(); err != nil {
		t.Errorf("a connection: %v", err)
	}
	pool, err := OpenPool(url, "test", PoolConfig{Connections: 1, Timeout: time.Minute}, PlannedByIndex)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(t.Context(), takesLong); err != nil {
		t.Errorf("one of a pool: %v", err)
	}
}

func TestMajor(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]int{"15.18 (Debian 15.18-0+deb12u1)": 15, "18beta1": 18, "17": 17, "": 0, "devel": 0} {
		if got := major(version); got != want {
			t.Errorf("%q: %d", version, got)
		}
	}
}
