package httpapi

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	// lastWord bounds how long sending close_notify, TLS's farewell, may take. It fits into the socket's buffer unless
	// the client reads nothing. crypto/tls would wait five seconds, and a stop closes one connection after the other.
	// A guess.
	lastWord = 250 * time.Millisecond

	// glance is how long farewell, which only checks whether the client is still there, waits for the rest of a record
	// that has begun to arrive. A guess.
	glance = 50 * time.Millisecond
)

// turnedAwayTLS is the alert internal_error: before a handshake only an alert can be sent, and TLS has none
// for a server that is full.
const turnedAwayTLS = "\x15\x03\x03\x00\x02\x02\x50"

// secured is TLS on a connection. It lies above the deadlines (timed), which hide timers that fire early: crypto/tls
// refuses to write after a write that timed out.
//
// The handshake is part of the first Read, in the goroutine that serves the connection. Until it is over, other
// goroutines call nothing but Close.
type secured struct {
	*tls.Conn
	below  *timed
	failed *atomic.Int64 // handshakes of the server that failed

	met    bool   // the handshake was begun by the first Read
	broken bool   // it failed
	plain  bool   // the client speaks HTTP without TLS, and is answered so
	ahead  []byte // read by farewell, and not by Read yet
}

// secure begins TLS on a connection just accepted. within bounds how long a client that reads nothing may delay the
// handshake. For one that sends nothing the read deadline does.
func (c *conn) secure(config *tls.Config, within time.Duration, failed *atomic.Int64) {
	c.tls = &secured{Conn: tls.Server(unhurried{&c.timed}, config), below: &c.timed, failed: failed}
	c.top = c.tls
	_ = c.SetWriteDeadline(time.Now().Add(within))
}

// unhurried is the connection below TLS. It ignores the write deadlines that crypto/tls sets: only the gate sets those.
type unhurried struct{ *timed }

func (unhurried) SetWriteDeadline(time.Time) error { return nil }

// errWithoutTLS is what the first read fails with when the client speaks HTTP without TLS.
var errWithoutTLS = errors.New("HTTP without TLS")

// Read implements net.Conn.
func (s *secured) Read(p []byte) (int, error) {
	if !s.met {
		s.met = true
		if err := s.handshake(); err != nil {
			return 0, err
		}
	}
	if len(s.ahead) > 0 {
		n := copy(p, s.ahead)
		s.ahead = s.ahead[n:]
		return n, nil
	}
	return s.Conn.Read(p)
}

// handshake fails with io.EOF for a client that has closed the connection without sending anything, as port probes do.
func (s *secured) handshake() error {
	err := s.Conn.Handshake()
	_ = s.below.SetWriteDeadline(time.Time{})
	other, noRecord := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return err
	case noRecord && isText(other.RecordHeader[:]):
		s.plain = true
		return errWithoutTLS
	}
	s.broken = true
	s.failed.Add(1)
	return fmt.Errorf("TLS handshake: %w", err)
}

// isText tells whether bytes are the beginning of a request line rather than of a record.
func isText(b []byte) bool {
	for _, c := range b {
		if c != ' ' && c != '/' && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}

// Write implements net.Conn.
func (s *secured) Write(p []byte) (int, error) {
	if s.plain {
		return s.below.Write(p)
	}
	return s.Conn.Write(p)
}

// farewell tells whether what has arrived is close_notify, which a client sends before it ends the connection. Only
// decrypting tells that from a request, whose first byte is kept for Read.
func (s *secured) farewell() bool {
	if len(s.ahead) > 0 {
		return false
	}
	due := s.below.reading.wanted.Load()
	_ = s.below.SetReadDeadline(time.Now().Add(glance))
	b := make([]byte, 1)
	n, err := s.Conn.Read(b)
	s.below.reading.wanted.Store(due) // the timer stays early, which does no harm (deadline)
	s.ahead = b[:n]
	return n == 0 && err != nil && !isTimeout(err)
}

// Close implements net.Conn. It may be called by any goroutine, and takes no longer than lastWord.
func (s *secured) Close() error {
	_ = s.below.SetWriteDeadline(time.Now().Add(lastWord))
	return s.Conn.Close()
}

// CloseWrite sends close_notify; the connection itself stays open.
func (s *secured) CloseWrite() {
	_ = s.below.SetWriteDeadline(time.Now().Add(lastWord))
	_ = s.Conn.CloseWrite() // fails where there was no handshake, or the client is gone
}
