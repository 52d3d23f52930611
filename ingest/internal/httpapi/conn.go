package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
)

const (
	// A refused client may still be sending. Closing at once would reset the connection and take the answer with
	// it; so the server reads on and throws away what it reads for a while. Guesses: a client that reads notices
	// the answer within a round trip, and 64 MiB is the largest body anybody sets out to send.
	lingerTime = 2 * time.Second
	lingerMax  = 64 << 20

	// acceptPause is slept when the process is out of file descriptors. A guess.
	acceptPause = 50 * time.Millisecond
)

// listener hands out connections that can linger, at most Limits.Connections at a time. It goes on after errors of
// accept that pass: fasthttp stops serving for good at the first accept that fails.
type listener struct {
	net.Listener
	server *Server
	once   sync.Once
}

// Close implements net.Listener; it may be called again.
func (l *listener) Close() (err error) {
	l.once.Do(func() { err = l.Listener.Close() })
	return err
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		switch {
		case err == nil && l.server.connections.Add(1) <= int64(l.server.Limits.Connections):
			own := &conn{open: &l.server.connections}
			own.init(c)
			if config := l.server.TLS; config != nil {
				own.secure(config, l.server.Limits.ReadTimeout, &l.server.handshakesFailed)
			}
			return own, nil
		case err == nil:
			l.server.connections.Add(-1)
			l.server.turnAway(c)
		case !passes(err):
			return nil, err
		default:
			l.server.Log.Warn("a connection could not be accepted", zap.Error(err))
			time.Sleep(acceptPause)
		}
	}
}

// turnAway answers a connection over the limit without reading from it. It runs in the goroutine that accepts, and
// does not hold it up: what it writes fits into the socket's empty buffer.
func (s *Server) turnAway(c net.Conn) {
	s.turnedAway.Add(1)
	p := problemConnections
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if s.TLS != nil {
		_, _ = io.WriteString(c, turnedAwayTLS)
	} else {
		body := append(appendProblem(nil, p, fmt.Sprintf("%d connections are open, and no more are taken (--max-connections); try again, and use connections more than once", s.Limits.Connections)), '}')
		_, _ = fmt.Fprintf(c, "HTTP/1.1 %d Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n%s: %s\r\nX-Request-Id: %s\r\nConnection: close\r\n\r\n%s",
			p.status, len(body), p.header[0], p.header[1], s.appendNewRequestID(nil), body)
	}
	_ = c.Close()
	s.failures.Warn("connection refused: "+p.kind, zap.Int("connections", s.Limits.Connections))
}

// passes tells whether a later accept may succeed.
func passes(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// conn is a connection that lets a refused client finish sending. It lingers in
// the goroutine that serves it, so it counts as open until it is over, and
// Shutdown waits for it.
type conn struct {
	timed
	tls     *secured      // nil: plain HTTP
	open    *atomic.Int64 // connections of the server
	closed  atomic.Bool
	refused atomic.Bool // linger before the end
	late    atomic.Bool // a read ran into its deadline
	ended   func()      // called once when it is closed; nil: nothing to do

	// withheld: an answer is done, and nothing was read since. While there is a request behind it, fasthttp keeps
	// the answer or its end back. Only the goroutine that serves the connection uses this.
	withheld bool

	holder string // of the key of the request under way, once it has its right; likewise

	answered atomic.Pointer[func()] // called once when the answer has been written; nil: nothing to do
}

// afterAnswer runs f once the answer under way has been written: when the next request is read, or the connection
// is closed.
func (c *conn) afterAnswer(f func()) {
	c.settle() // a pipelined request: nothing was read in between
	c.answered.Store(&f)
}

func (c *conn) settle() {
	if f := c.answered.Swap(nil); f != nil {
		(*f)()
	}
}

// atClose runs f when the connection is closed, whoever closes it. The goroutine that serves the connection calls
// atClose before it hands the connection on.
func (c *conn) atClose(f func()) { c.ended = f }

// Read implements net.Conn. fasthttp hides the timeout of a read inside a chunk
// from errors.As, so it is noted here.
func (c *conn) Read(p []byte) (int, error) {
	c.settle()
	c.withheld = false
	var n int
	var err error
	if c.tls == nil {
		n, err = c.timed.Read(p)
	} else {
		n, err = c.tls.Read(p)
	}
	if err != nil && isTimeout(err) {
		c.late.Store(true)
	}
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if c.tls == nil {
		return c.timed.Write(p)
	}
	return c.tls.Write(p)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	if c.refused.Swap(false) {
		c.linger()
	}
	c.settle()
	if !c.closed.Swap(true) {
		defer c.open.Add(-1)
		if c.ended != nil {
			defer c.ended()
		}
	}
	if c.tls != nil {
		return c.tls.Close()
	}
	return c.Conn.Close()
}

// gone tells whether the client has hung up. It only looks at the bytes that are there to be read: to take them
// would take the next request. The goroutine that serves the connection calls it.
func (c *conn) gone() (gone bool) {
	own, ok := c.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := own.SyscallConn()
	if err != nil {
		return true
	}
	said := false
	err = raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
		said = n > 0
	})
	return gone || err != nil || said && c.tls != nil && c.tls.farewell()
}

func (c *conn) linger() {
	if c.tls != nil {
		c.tls.CloseWrite()
	}
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	_ = c.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, &c.timed, lingerMax)
}

// breakOff resets the connection instead of closing it: an HTTP/1.0 client takes a close for the end of the
// answer, and a proxy would pass the broken answer on as a whole one. TLS sends no farewell either.
func (c *conn) breakOff() {
	if socket, ok := c.Conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = socket.SetLinger(0)
	}
	_ = c.Conn.Close()
}

// hangUp ends the connection after the answer, with patience for a client that is
// still sending.
func hangUp(ctx *fasthttp.RequestCtx) {
	ctx.SetConnectionClose()
	if c, ok := ctx.Conn().(*conn); ok {
		c.refused.Store(true)
	}
}
