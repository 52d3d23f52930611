package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// conn is a connection to a server, kept open over many requests.
type conn struct {
	net  net.Conn
	in   []byte // read and not consumed yet: in[:have]
	have int
}

// dial connects. Every read and write on it ends at deadline.
func dial(ctx context.Context, address string, deadline time.Time) (*conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if err := c.SetDeadline(deadline); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return &conn{net: c, in: make([]byte, 4<<10)}, nil
}

func (c *conn) close() { _ = c.net.Close() }

// do writes a request and reads its response. The body is valid until the next do.
func (c *conn) do(request []byte) (status int, body []byte, err error) {
	if _, err := c.net.Write(request); err != nil {
		return 0, nil, fmt.Errorf("write request: %w", err)
	}
	h, err := c.readHead()
	if err != nil {
		return 0, nil, fmt.Errorf("read response: %w", err)
	}
	if err := c.fill(h.length); err != nil {
		return 0, nil, fmt.Errorf("read response body: %w", err)
	}
	// Nothing may follow: one request is open at a time.
	if c.have != h.length {
		return 0, nil, fmt.Errorf("read response: %w: %d bytes after the body", errProtocol, c.have-h.length)
	}
	c.have = 0
	if h.close {
		return h.status, c.in[h.body:h.length], errServerCloses
	}
	return h.status, c.in[h.body:h.length], nil
}

// errServerCloses comes with a whole response: the connection ends behind it.
var errServerCloses = errors.New("the server closes the connection")

func (c *conn) readHead() (head, error) {
	for {
		if err := c.fill(c.have + 1); err != nil {
			return head{}, err
		}
		h, err := parseHead(c.in[:c.have])
		if !errors.Is(err, errPartial) {
			return h, err
		}
	}
}

// fill reads until at least n bytes are there.
func (c *conn) fill(n int) error {
	if n > len(c.in) {
		grown := make([]byte, max(n, 2*len(c.in)))
		copy(grown, c.in[:c.have])
		c.in = grown
	}
	for c.have < n {
		m, err := c.net.Read(c.in[c.have:])
		c.have += m
		if err != nil && c.have < n {
			return err
		}
	}
	return nil
}
