package pgproxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"ingot/internal/door"
)

const bufferSize = 64 << 10 // more than lookAt

// talk is one connection: what the client asks is read in ask.go, what the server
// answers in answer.go.
type talk struct {
	p     *Proxy
	c     *door.Conn
	in    *bufio.Reader // from the client
	out   *bufio.Writer // to the server
	known statements
	aside bool   // the connection writes no batches: it is for pages, streams or subscriptions
	due   string // SQLSTATE to raise at the next Sync; messages before that Sync are dropped

	mu       sync.Mutex // guards what follows
	asked    int        // messages sent that the server answers with ReadyForQuery, the startup among them
	answered int
	kept     Action // SwallowAfter or HangAfter: the answers from number keptFrom on are kept back
	keptFrom int
}

func newTalk(p *Proxy, c *door.Conn) *talk {
	return &talk{
		p: p, c: c, known: statements{},
		in: bufio.NewReaderSize(c.Client(), bufferSize), out: bufio.NewWriterSize(c.Upstream(), bufferSize),
	}
}

// besideTheWriter is how the application_name of a connection begins that is not the writer's: "ingot reader" or
// "ingot subscriptions". That of the writer is "ingot".
var besideTheWriter = []byte("\x00application_name\x00ingot ")

// The codes that stand in place of the protocol version in a startup message.
const (
	cancelRequest = 80877102
	sslRequest    = 80877103
	gssRequest    = 80877104
)

// greet passes what a client sends before its first message proper. plain is false when what follows cannot be read:
// an encrypted connection, or nothing after a cancel request.
func (t *talk) greet() (plain bool, err error) {
	for {
		head, err := t.in.Peek(8)
		if err != nil {
			return false, err
		}
		size, code := int(int32(binary.BigEndian.Uint32(head))), binary.BigEndian.Uint32(head[4:])
		if size < len(head) {
			return false, fmt.Errorf("a startup message of %d bytes", size)
		}
		switch code {
		case cancelRequest:
			return false, t.forward(size)
		case sslRequest, gssRequest:
			if yes, err := t.negotiate(size); err != nil || yes {
				return false, err
			}
		default:
			startup, err := t.in.Peek(min(size, lookAt))
			if err != nil {
				return false, err
			}
			t.aside = bytes.Contains(startup, besideTheWriter)
			return true, t.step(message{size: size, points: []Point{Connect}}, true)
		}
	}
}

// negotiate passes a request for encryption and its answer, one byte.
func (t *talk) negotiate(size int) (yes bool, err error) {
	if err := t.forward(size); err != nil {
		return false, err
	}
	var answer [1]byte
	if _, err := io.ReadFull(t.c.Upstream(), answer[:]); err != nil {
		return false, err
	}
	_, err = t.c.Client().Write(answer[:])
	return answer[0] != 'N', err
}

// forward passes the next message on, and flushes when no more of the client has come.
func (t *talk) forward(size int) error {
	if _, err := io.CopyN(t.out, t.in, int64(size)); err != nil {
		return err
	}
	if t.in.Buffered() > 0 {
		return nil
	}
	return t.out.Flush()
}

func (t *talk) passUnread() {
	_, _ = io.Copy(t.c.Client(), t.c.Upstream())
	t.c.End()
}
