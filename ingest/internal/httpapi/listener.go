package httpapi

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// acceptPause is slept when the process is out of file descriptors. A guess.
const acceptPause = 50 * time.Millisecond

// listener hands out connections that can linger, at most Limits.Connections at a time. It retries after temporary
// errors of accept, since fasthttp stops serving for good at the first one.
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

// turnAway answers a connection over the limit without reading from it. It runs in the goroutine that accepts, but
// does not delay it: what it writes fits into the socket's empty buffer.
func (s *Server) turnAway(c net.Conn) {
	s.turnedAway.Add(1)
	p := problemConnections
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if s.TLS != nil {
		_, _ = io.WriteString(c, turnedAwayTLS)
	} else {
		body := append(appendProblem(nil, p, fmt.Sprintf("%d connections are open, which is the maximum (--max-connections); try again, and reuse connections", s.Limits.Connections)), '}')
		_, _ = fmt.Fprintf(c, "HTTP/1.1 %d Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n%s: %s\r\nX-Request-Id: %s\r\nConnection: close\r\n\r\n%s",
			p.status, len(body), p.header[0], p.header[1], s.appendNewRequestID(nil), body)
	}
	_ = c.Close()
	s.failures.Warn("connection refused: "+p.kind, zap.Int("connections", s.Limits.Connections))
}

// passes tells whether a later accept may succeed.
func passes(err error) bool {
	passing := []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED}
	return slices.ContainsFunc(passing, func(e error) bool { return errors.Is(err, e) })
}
