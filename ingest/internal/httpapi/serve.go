package httpapi

import (
	"context"
	"fmt"
	"net"
	"time"
)

// Serve answers on the listener until Shutdown, and not at all after it.
func (s *Server) Serve(l net.Listener) error {
	own := &listener{Listener: l, server: s}
	s.mu.Lock()
	s.listener = own
	stopped := s.stopped
	s.mu.Unlock()
	if stopped {
		return own.Close()
	}
	return s.fast.Serve(own)
}

// Connections is how many connections are open.
func (s *Server) Connections() int64 { return s.connections.Load() }

// Drain refuses new events from now on, and /readyz says so; requests that are
// waiting still get their answer. Streams end.
func (s *Server) Drain() {
	s.draining.Store(true)
	s.endStreams()
}

// Shutdown stops listening, closes idle connections and waits for the others
// until ctx ends. It may come before Serve, and more than once.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	s.mu.Lock()
	s.stopped = true
	if s.listener != nil {
		_ = s.listener.Close() // fasthttp may not know of it yet, and would never stop serving it
	}
	s.mu.Unlock()
	if err := s.fast.ShutdownWithContext(ctx); err != nil {
		return err
	}
	return s.awaitLingering(ctx)
}

// awaitLingering waits for connections that fasthttp counts as done: those that are still read from after their answer
// (conn.linger), and streams, which are bounded by Limits.Stall.
func (s *Server) awaitLingering(ctx context.Context) error {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for s.connections.Load() > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%d connections are still open: %w", s.connections.Load(), ctx.Err())
		}
	}
	return nil
}
