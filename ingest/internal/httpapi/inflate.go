package httpapi

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// zstdWindow is the largest window of a zstd frame that is taken: RFC 9659 allows encoders
// no larger one for HTTP. An inflater may hold that much outside the budget.
const zstdWindow = 8 << 20

// zstdMagic begins a zstd frame.
const zstdMagic = "\x28\xb5\x2f\xfd"

var errInflatedTooLarge = errors.New("body too large once decompressed")

// errInflationTimeout ends a decompression that would keep a core busy for long: 31 MiB of nearly empty gzip blocks
// took 18 s.
var errInflationTimeout = errors.New("decompression too slow")

// inflater holds the readers of one inflation at a time. The zero value is ready.
type inflater struct {
	sent timedReader
	buf  bufio.Reader // both decoders are quick with it
	gzip gzip.Reader
	zstd *zstd.Decoder // nil: not needed yet
}

// timedReader reads a compressed body until its time is over. The limit must be on the reads: a decoder may read much
// input for each byte of output.
type timedReader struct {
	bytes.Reader
	until time.Time
}

// Read implements io.Reader.
func (r *timedReader) Read(p []byte) (int, error) {
	if time.Now().After(r.until) {
		return 0, errInflationTimeout
	}
	return r.Reader.Read(p)
}

// newInflaters makes one inflater for each core. A body is inflated after it has arrived, so no slow client holds one.
func newInflaters() chan *inflater {
	n := runtime.GOMAXPROCS(0)
	inflaters := make(chan *inflater, n)
	for range n {
		inflaters <- new(inflater)
	}
	return inflaters
}

// inflate undoes the one layer of compression of a body. The decompressed bytes are taken from the budget as they
// come, so that a decompression bomb costs no more than what was inflated before it met a limit.
//
// The body must be complete, with correct checksums and nothing behind its end. A gzip body may have several members
// and a zstd body several frames: both formats define this as the concatenation of their contents, and log shippers
// send it.
func (s *Server) inflate(sent []byte, c coding, a *account) ([]byte, error) {
	if len(sent) > 0 && looksLike(text(sent)) != c {
		return nil, notDecompressed("the body does not look like " + c.String() + "; if it is not compressed, leave out Content-Encoding")
	}
	in, err := s.takeInflater()
	if err != nil {
		return nil, err
	}
	defer func() { s.inflaters <- in }()
	defer in.forget()
	g := growing{account: a, limit: s.Limits.Decompressed}
	r, err := in.open(sent, c, time.Now().Add(s.Limits.ReadTimeout))
	if err == nil {
		err = g.readAll(r, firstSize(len(sent)))
	}
	if err != nil {
		return nil, s.inflateError(err, sent, in.unread())
	}
	return g.buf, nil
}

// takeInflater waits for an inflater, as long as a body may take to be inflated.
func (s *Server) takeInflater() (*inflater, error) {
	select {
	case in := <-s.inflaters:
		return in, nil
	default:
	}
	select {
	case in := <-s.inflaters:
		return in, nil
	case <-time.After(s.Limits.ReadTimeout):
		return nil, errNoRoom
	}
}

// looksLike tells by the first bytes of a body how it is compressed; identity: in no way that is known here. A
// zstd body begins with a frame or a skippable frame.
func looksLike(body string) coding {
	switch {
	case strings.HasPrefix(body, "\x1f\x8b"):
		return gzipped
	case strings.HasPrefix(body, zstdMagic), len(body) >= 4 && body[0]&0xf0 == 0x50 && body[1:4] == "\x2a\x4d\x18":
		return zstandard
	}
	return identity
}

// stillCompressed is the error for a body that looks compressed although c, the coding that Content-Encoding names,
// has been undone; nil for any other body.
func stillCompressed(body string, c coding) error {
	looks := looksLike(body)
	switch {
	case looks == identity:
		return nil
	case c == identity:
		return &refusal{problemNotJSON, fmt.Sprintf("the body looks like %s; send it with Content-Encoding: %s; nothing was stored", looks, looks)}
	}
	return &refusal{problemNotJSON, fmt.Sprintf("the decompressed body looks like %s again; compress it once; nothing was stored", looks)}
}

// firstSize is the size of the first buffer: at least four times the compressed bytes, which is what JSON commonly
// inflates to, and growStart times a power of two, as peak assumes.
func firstSize(sent int) int {
	size := growStart
	for size < 4*sent {
		size *= 2
	}
	return size
}

func (in *inflater) open(sent []byte, c coding, until time.Time) (r io.Reader, err error) {
	in.sent.Reset(sent)
	in.sent.until = until
	in.buf.Reset(&in.sent)
	if len(sent) == 0 {
		return nil, io.ErrUnexpectedEOF // both readers take nothing for an empty body
	}
	if c == gzipped {
		return &in.gzip, in.gzip.Reset(&in.buf)
	}
	if in.zstd == nil {
		in.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(zstdWindow))
		if err != nil {
			return nil, err
		}
	}
	return in.zstd, in.zstd.Reset(&in.buf)
}

// unread is how many bytes of the body the decoder has not taken.
func (in *inflater) unread() int { return in.sent.Len() + in.buf.Buffered() }

// forget lets go of the body that was inflated last.
func (in *inflater) forget() {
	in.sent.Reset(nil)
	_ = in.gzip.Reset(bytes.NewReader(nil))
	if in.zstd != nil {
		_ = in.zstd.Reset(nil)
	}
}
