package main

import (
	"context"
	"io"
	"os"
)

// pipeChunk is what is read of a pipe at once: as much as one holds on Linux.
const pipeChunk = 64 << 10

// pipe is a source that may be silent for ever: standard input, or a named pipe. No
// signal ends a read of it, so the read is waited for only until ctx ends; from then
// on Read returns the error of ctx.
//
// A read that hangs is left behind. It ends when its source says something or is
// closed, at the latest with the process; what it brings is thrown away.
type pipe struct {
	ctx context.Context
	src io.Reader

	// These belong to the read that is under way, and to Read when there is none.
	buf []byte
	got []byte // of buf: what was read and not given out
	err error  // of src; its bytes come first
}

func newPipe(ctx context.Context, src io.Reader) *pipe {
	return &pipe{ctx: ctx, src: src, buf: make([]byte, pipeChunk)}
}

// Read implements io.Reader.
func (p *pipe) Read(to []byte) (int, error) {
	if p.ctx.Err() != nil {
		return 0, p.ctx.Err() // a read that was left behind may be under way
	}
	if len(p.got) == 0 && p.err == nil {
		select {
		case <-p.fill():
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	n := copy(to, p.got)
	if p.got = p.got[n:]; len(p.got) > 0 {
		return n, nil
	}
	return n, p.err
}

// fill starts one read of the source. The channel that fill returns is closed when that read is done.
func (p *pipe) fill() <-chan struct{} {
	done := make(chan struct{})
	go func() { // stops with the read, which Read waits for until ctx ends
		defer close(done)
		n, err := p.src.Read(p.buf)
		p.got, p.err = p.buf[:n], err
	}()
	return done
}

// Close closes the source, where it can be closed.
func (p *pipe) Close() error {
	if c, ok := p.src.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// fifo is a named pipe. To open it takes until somebody opens it to write. So the first Read opens it, and pipe
// stops waiting for that Read when ctx ends.
type fifo struct {
	path string
	file *os.File
}

// Read implements io.Reader. After an error it is not called again.
func (n *fifo) Read(to []byte) (int, error) {
	if n.file == nil {
		file, err := os.Open(n.path)
		if err != nil {
			return 0, err
		}
		n.file = file
	}
	read, err := n.file.Read(to)
	if err != nil {
		_ = n.file.Close() // it was only read
	}
	return read, err
}
