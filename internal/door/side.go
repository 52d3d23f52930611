package door

import "net"

// Side is one end of a connection. Its bytes wait while the door is a black hole.
type Side struct {
	c    *Conn
	conn net.Conn
}

// Client is the side of the client, which has connected to the door.
func (c *Conn) Client() Side { return Side{c, c.client} }

// Upstream is the side of the upstream, which the door has dialled.
func (c *Conn) Upstream() Side { return Side{c, c.upstream} }

func (s Side) Read(b []byte) (int, error) {
	n, err := s.conn.Read(b)
	if held := s.c.pass(); held != nil {
		return 0, held
	}
	return n, err
}

func (s Side) Write(b []byte) (int, error) {
	if err := s.c.pass(); err != nil {
		return 0, err
	}
	return s.conn.Write(b)
}

// Close ends this side alone.
func (s Side) Close() error { return s.conn.Close() }

// CloseWrite tells this side that no more bytes will come.
func (s Side) CloseWrite() error {
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return s.conn.Close()
}
