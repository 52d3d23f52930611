package follow

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// kernelTakes bounds what the kernel takes in for a stream that nobody reads.
const kernelTakes = 256 << 10

// stopReading makes the stream one that is not read from now on.
func (s *stream) stopReading() {
	if c, ok := s.conn.(*net.TCPConn); ok {
		_ = c.SetReadBuffer(kernelTakes)
	}
}

// comeBack reads what was on its way when the stream was cut off, and the rest by its
// last id. It tells how much of it the first connection had.
func (s *stream) comeBack(ctx context.Context) (before int, err error) {
	for err == nil && s.next < s.total() {
		err = s.block()
	}
	_ = s.conn.Close()
	before = s.next
	if err == nil {
		return before, errors.New("a stream that nobody read has everything: it was not cut off")
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
