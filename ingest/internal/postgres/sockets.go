package postgres

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// errPoolClosed is the error of connecting once the pool has been cut off.
var errPoolClosed = errors.New("the pool is closed")

// sockets are the open connections of a pool, including those of cancel requests.
type sockets struct {
	over context.Context // ends with cut
	end  context.CancelFunc

	mu   sync.Mutex // guards open
	open map[*socket]struct{}
}

func newSockets() *sockets {
	s := &sockets{open: map[*socket]struct{}{}}
	s.over, s.end = context.WithCancel(context.Background())
	return s
}

// cut breaks all connections off, and those that are being made.
func (s *sockets) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
	for c := range s.open {
		_ = c.Conn.Close()
	}
}

// dial returns a function that connects with next, and registers the connection.
func (s *sockets) dial(next pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(s.over, cancel)()
		c, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.over.Err() != nil {
			_ = c.Close()
			return nil, errPoolClosed
		}
		own := &socket{Conn: c, of: s}
		s.open[own] = struct{}{}
		return own, nil
	}
}

// socket is one of these connections.
type socket struct {
	net.Conn
	of *sockets
}

// Close implements net.Conn.
func (c *socket) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
