package streams

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// kernelBuffer bounds what the kernel receives for a stream that nobody reads.
const kernelBuffer = 256 << 10

// ErrNotCutOff is the error of a Run in which a stream that stopped reading has got everything: so little fits into the buffers on
// the way, or the Run was over before the stream was cut off, or nobody cuts such streams off.
var ErrNotCutOff = errors.New("a stream that nobody read has received everything: it was not cut off")

// stopReading prepares the stream for not being read from now on: it bounds the kernel's buffer.
func (s *stream) stopReading() {
	if c, ok := s.conn.(*net.TCPConn); ok {
		_ = c.SetReadBuffer(kernelBuffer)
	}
}

// reconnect reads what was still on its way when the stream was cut off. Then it connects again with the last id, and reads
// the rest. before is how many events came over the first connection.
func (s *stream) reconnect(ctx context.Context) (before int, err error) {
	for err == nil && s.next < s.total() {
		err = s.readBlock()
	}
	_ = s.conn.Close()
	before = s.next
	if err == nil {
		return before, ErrNotCutOff
	}
	if errors.Is(err, errMissing) {
		return before, err
	}
	if err := s.open(ctx); err != nil {
		return before, fmt.Errorf("come back: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer stop()
	return before, s.follow()
}
