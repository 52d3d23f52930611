package postgres

import (
	"context"
	"syscall"
	"testing"
	"time"
)

// TestTheEndOfAPoolIsBounded: a server that stands still holds up nobody who stops, whether its query is still waited
// for or has been given up. A pool of pgx takes as long as the query may take, and 15 s for each connection.
func TestTheEndOfAPoolIsBounded(t *testing.T) {
	t.Parallel()
	for name, patience := range map[string]time.Duration{"waits": 30 * time.Second, "given up": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := OpenPool(database(t), "test", PoolConfig{Connections: 1, Timeout: 30 * time.Second}, PlannedByIndex)
			if err != nil {
				t.Fatal(err)
			}
			standStill(t, p)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			failed := make(chan error, 1)
			go func() { failed <- p.Ping(ctx) }() // ends with Close, awaited below
			time.Sleep(300 * time.Millisecond)    // it waits, or its connection is being closed
			begun := time.Now()
			p.Close()
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("the pool took %v to end", took)
			}
			if err := <-failed; err == nil {
				t.Error("a server that stands still has answered")
			}
		})
	}
}

// standStill stops the server process of a pool's only connection, until the test is over.
func standStill(t *testing.T, p *Pool) {
	t.Helper()
	var pid int
	if err := p.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
}
