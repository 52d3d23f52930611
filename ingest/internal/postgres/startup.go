package postgres

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
)

const (
	// shortestError and longestError bound the length that stands in front of an error's message; libpq takes it
	// for text beyond them, too.
	shortestError, longestError = 8, 30_000

	// longestText bounds what is read of a text. The longest that a postmaster sends has 1,000 bytes.
	longestText = 4 << 10
)

// startupConn is a connection whose server may have no process for it. A postmaster that cannot fork one, for want of
// memory or processes, answers before it has read anything: the letter E, a text and a zero, as servers did when
// messages had no length yet. pgx reads the text's first letters as a length ("invalid body length"), or, where it
// has asked for TLS, the E as a no. So the first bytes are looked at, and Read fails with the text.
type startupConn struct {
	net.Conn
	started bool   // the first bytes have come
	ahead   []byte // those of them that Read has not returned yet
}

// Read implements net.Conn.
func (c *startupConn) Read(p []byte) (int, error) {
	if !c.started {
		c.started = true
		if err := c.readStart(); err != nil {
			return 0, err
		}
	}
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		c.ahead = c.ahead[n:]
		return n, nil
	}
	return c.Conn.Read(p)
}

// readStart reads the first byte, and behind an E four more: a length, or letters.
func (c *startupConn) readStart() error {
	first := make([]byte, 1, 5)
	if _, err := io.ReadFull(c.Conn, first); err != nil {
		return err
	}
	if first[0] == 'E' {
		first = first[:5]
		if _, err := io.ReadFull(c.Conn, first[1:]); err != nil {
			return err
		}
		if length := binary.BigEndian.Uint32(first[1:]); length < shortestError || length > longestError {
			return c.refused(first[1:])
		}
	}
	c.ahead = first
	return nil
}

// refused reads the rest of a text. If the rest does not come, its beginning has to do.
func (c *startupConn) refused(begins []byte) error {
	rest, _ := bufio.NewReader(io.LimitReader(c.Conn, longestText)).ReadString(0)
	text := strings.TrimSpace(strings.TrimSuffix(string(begins)+rest, "\x00"))
	return fmt.Errorf("the server refuses the connection: %s", strings.ToValidUTF8(text, "?"))
}
