package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"ingot/internal/pgtest"
)

const inUse = "another bench is using it"

// breakLock ends the connection that holds a lock, as a proxy that has enough of it may.
func breakLock(t *testing.T, c *Cluster, admin string) {
	t.Helper()
	if err := Exec(t.Context(), admin, fmt.Sprintf("SELECT pg_terminate_backend(%d, 60000)", c.lock.PgConn().PID())); err != nil {
		t.Fatal(err)
	}
}

// open takes a Postgres that nobody else may have.
func open(t *testing.T, admin string) *Cluster {
	t.Helper()
	c, err := OpenCluster(t.Context(), "", admin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func refused(t *testing.T, admin string) {
	t.Helper()
	if c, err := OpenCluster(t.Context(), "", admin); err == nil || !strings.Contains(err.Error(), inUse) {
		t.Errorf("a second bench: %v", err)
		if err == nil {
			_ = c.Close(t.Context())
		}
	}
}

// TestOneBenchAtATimeOnAPostgres, whichever of its databases they were given.
func TestOneBenchAtATimeOnAPostgres(t *testing.T) {
	t.Parallel()
	admin := pgtest.Durable(t).URL()
	first := open(t, admin)
	if err := first.Create(t.Context(), "bench_test_other"); err != nil {
		t.Fatal(err)
	}
	other := first.URL("bench_test_other")
	refused(t, admin)
	refused(t, other)
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	open(t, other)
}

// TestABenchWhoseLockBreaks takes it again before it drops anything, and drops nothing if another bench has come.
func TestABenchWhoseLockBreaks(t *testing.T) {
	t.Parallel()
	admin := pgtest.Durable(t).URL()
	first := open(t, admin)
	if err := first.Create(t.Context(), "bench_test_first"); err != nil {
		t.Fatal(err)
	}
	breakLock(t, first, admin)
	if err := first.Drop(t.Context(), "bench_test_first"); err != nil {
		t.Error(err)
	}
	refused(t, admin)

	breakLock(t, first, admin)
	second := open(t, admin)
	if err := second.Create(t.Context(), "bench_test_second"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := first.Drop(t.Context(), "bench_test_second"); err == nil || !strings.Contains(err.Error(), inUse) {
			t.Errorf("dropped what the second has made: %v", err)
		}
	}
	if there, err := second.Exists(t.Context(), "bench_test_second"); !there || err != nil {
		t.Errorf("the second's database: %v, %v", there, err)
	}
}
