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
	// shortestError and longestError bound the length that precedes the message of an error. Outside of them it is taken
	// for text, as libpq does.
	shortestError, longestError = 8, 30_000

	// longestText bounds what is read of a text. The longest that a postmaster sends has 1,000 bytes.
	longestText = 4 << 10
)

// startupConn is a connection whose server may fail to fork a process for it. For lack of memory or processes the
// postmaster then answers before it has read anything: the letter E, a text and a zero, in the format of the days when
// messages had no length. pgx would read the text's first letters as a length ("invalid body length"), or, after a
// request for TLS, the E as a no. So the first bytes are inspected, and Read fails with the text.
type startupConn struct {
	net.Conn
	started bool   // the first bytes were read
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

// readStart reads the first byte, and after an E four more: a length, or letters.
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

// refused reads the rest of a text, and returns it as an error. If the rest does not come, its beginning has to do.
func (c *startupConn) refused(begins []byte) error {
	rest, _ := bufio.NewReader(io.LimitReader(c.Conn, longestText)).ReadString(0)
	text := strings.TrimSpace(strings.TrimSuffix(string(begins)+rest, "\x00"))
	return fmt.Errorf("the server refused the connection: %s", strings.ToValidUTF8(text, "?"))
}
