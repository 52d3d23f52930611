package postgres

import (
	"context"
	"errors"
	"io"
	"net"
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
			if took := time.Since(begun); took > 12*time.Second {
				t.Errorf("the pool took %v to end", took)
			}
			if err := <-failed; err == nil {
				t.Error("a server that stands still has answered")
			}
		})
	}
}

// TestNothingIsConnectedOnceAPoolIsCut off: neither what was open, nor what is being made, nor what was made just then.
func TestNothingIsConnectedOnceAPoolIsCut(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := newSockets()
	dial := func(c net.Conn) (net.Conn, error) {
		return s.dial(func(context.Context, string, string) (net.Conn, error) { return c, nil })(ctx, "", "")
	}
	broken := func(c net.Conn) bool { return errors.Is(c.SetDeadline(time.Time{}), io.ErrClosedPipe) }
	gone, _ := net.Pipe()
	open, _ := net.Pipe()
	late, _ := net.Pipe()
	c, err := dial(gone)
	if err != nil || c.Close() != nil || len(s.open) != 0 {
		t.Errorf("%d are open: %v", len(s.open), err)
	}
	if _, err := dial(open); err != nil || broken(open) {
		t.Errorf("not connected: %v", err)
	}
	dialing, failed := make(chan struct{}), make(chan error, 1)
	go func() { // ends with cut, received below
		_, err := s.dial(func(ctx context.Context, _, _ string) (net.Conn, error) {
			close(dialing)
			<-ctx.Done()
			return nil, ctx.Err()
		})(ctx, "", "")
		failed <- err
	}()
	<-dialing
	s.cut()
	if err := <-failed; !errors.Is(err, context.Canceled) || !broken(open) {
		t.Errorf("being made: %v; what was open is broken off: %v", err, broken(open))
	}
	if _, err := dial(late); !errors.Is(err, errPoolClosed) || !broken(late) {
		t.Errorf("made just then: %v, broken off: %v", err, broken(late))
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
