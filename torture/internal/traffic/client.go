package traffic

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// ErrNotSent says that not a byte of the request has left.
var ErrNotSent = errors.New("no connection")

// Client is a keep-alive connection to one address, opened when it is needed. A request that fails is told, and never
// tried again.
type Client struct {
	Address  string
	Patience time.Duration // for an answer

	conn net.Conn
	in   *bufio.Reader
}

// Response is an answer as it came.
type Response struct {
	Status     int
	RetryAfter string
	Body       []byte
}

// Exchange sends a request and reads the answer. With any error there is no answer; with ErrNotSent nobody can have
// seen the request.
func (c *Client) Exchange(request []byte) (Response, error) {
	if err := c.open(); err != nil {
		return Response{}, err
	}
	r, last, err := c.exchange(request)
	if last {
		c.Close()
	}
	return r, err
}

// Leave sends the first n bytes of a request and resets the connection.
func (c *Client) Leave(request []byte, n int) error {
	if err := c.open(); err != nil {
		return err
	}
	_, err := c.conn.Write(request[:n])
	if tcp, ok := c.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
	return err
}

func (c *Client) open() error {
	if c.conn != nil {
		return nil
	}
	conn, err := net.DialTimeout("tcp", c.Address, c.Patience)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotSent, err)
	}
	c.conn, c.in = conn, bufio.NewReader(conn)
	return nil
}

// exchange is the last on its connection if anything went wrong, or if the server says so.
func (c *Client) exchange(request []byte) (r Response, last bool, err error) {
	_ = c.conn.SetDeadline(time.Now().Add(c.Patience))
	if _, err := c.conn.Write(request); err != nil {
		return r, true, fmt.Errorf("send: %w", err)
	}
	got, err := http.ReadResponse(c.in, &http.Request{Method: "POST"})
	if err != nil {
		return r, true, fmt.Errorf("wait for the answer: %w", err)
	}
	var body bytes.Buffer
	if _, err := io.Copy(&body, got.Body); err != nil {
		return r, true, fmt.Errorf("read the answer: %w", err)
	}
	return Response{got.StatusCode, got.Header.Get("Retry-After"), body.Bytes()}, got.Close, nil
}

// Close ends the connection; Exchange opens another one.
func (c *Client) Close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// Open tells whether there is a connection that has served before.
func (c *Client) Open() bool { return c.conn != nil }
