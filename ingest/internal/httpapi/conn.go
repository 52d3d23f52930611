package httpapi

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

const (
	// A refused client may still be sending. Closing at once would reset the connection, and the client would lose the
	// answer; so the server goes on reading for a while, and discards what it reads. Guesses: a client that reads
	// notices the answer within a round trip, and 64 MiB is the largest body anybody sets out to send.
	lingerTime = 2 * time.Second
	lingerMax  = 64 << 20
)

// conn is a connection that lets a refused client finish sending. It lingers in the goroutine that serves it, so it
// counts as open until it is over, and Shutdown waits for it.
type conn struct {
	timed
	top     net.Conn      // what requests come over: tls, or the connection itself
	tls     *secured      // nil: plain HTTP
	open    *atomic.Int64 // connections of the server
	closed  atomic.Bool
	refused atomic.Bool // linger before the end
	late    atomic.Bool // a read ran into its deadline
	ended   func()      // called once when it is closed, by whoever closes it; set before that can be another goroutine

	// withheld: an answer is done, and nothing was read since. fasthttp does not flush an answer while the next,
	// pipelined request is in its buffer already. Only the goroutine that serves the connection uses this.
	withheld bool

	holder string       // whose key the request under way carries, once that was looked at; likewise
	topics *event.Scope // that this key is for; likewise

	answered atomic.Pointer[func()] // called once when the answer has been written; nil: nothing to do
}

// connOf is the connection that a request came over.
func connOf(ctx *fasthttp.RequestCtx) *conn { return ctx.Conn().(*conn) }

func (c *conn) init(below net.Conn) {
	c.timed.init(below)
	c.top = &c.timed
}

// afterAnswer runs f once the answer under way has been written, which shows when the next request is read or the
// connection is closed.
func (c *conn) afterAnswer(f func()) {
	c.settle() // before a pipelined request nothing was read
	c.answered.Store(&f)
}

func (c *conn) settle() {
	if f := c.answered.Swap(nil); f != nil {
		(*f)()
	}
}

// Read implements net.Conn. fasthttp hides the timeout of a read inside a chunk from errors.As, so it is noted here.
func (c *conn) Read(p []byte) (int, error) {
	c.settle()
	c.withheld = false
	n, err := c.top.Read(p)
	if err != nil && isTimeout(err) {
		c.late.Store(true)
	}
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) { return c.top.Write(p) }

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
	return c.top.Close()
}

// gone tells whether the client has hung up. It only peeks at the bytes that have arrived, since they may be the next
// request. The goroutine that serves the connection calls it.
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
// answer, and a proxy would pass the broken answer on as a complete one. TLS sends no close_notify either.
func (c *conn) breakOff() {
	if socket, ok := c.Conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = socket.SetLinger(0)
	}
	_ = c.Conn.Close()
}

// hangUp ends the connection after the answer, with patience for a client that is still sending.
func hangUp(ctx *fasthttp.RequestCtx) {
	ctx.SetConnectionClose()
	connOf(ctx).refused.Store(true)
}
