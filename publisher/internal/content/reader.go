package content

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const (
	// chunk is how many bytes are read of a source at once: as many as a pipe holds on Linux.
	chunk = 64 << 10

	// zstdWindow is the largest window that a zstd frame may have, and so bounds the memory that decompressing one
	// takes. It is the largest that the zstd command accepts, and makes, without --long.
	zstdWindow = 128 << 20
)

// Reader reads what a file holds, decompressed if the file is compressed. Only the first Read finds out whether it is, since a
// file may be opened late, and a pipe may stay silent for long.
type Reader struct {
	raw    raw
	follow bool          // --follow is set: the file must not be compressed
	window int           // at most so many bytes are looked at to tell what it holds
	format string        // "" for bytes as they are
	reader *bufio.Reader // nil before the first Read
	failed error         // why it cannot be read
	told   int64         // how many bytes of raw Progress has counted
}

// NewReader returns a Reader of src, which must not be compressed if it is followed. It reads nothing yet. window bounds how
// many bytes are looked at to tell what the file holds.
func NewReader(src io.Reader, window int, follow bool) *Reader {
	return &Reader{raw: raw{src: src}, follow: follow, window: window}
}

// raw counts the bytes that are read of a file. It keeps the error of the file itself, which is told in place of the
// error that a decoder makes of it, and which each later Read returns again.
type raw struct {
	src  io.Reader
	read int64
	err  error
}

// Read implements io.Reader.
func (r *raw) Read(to []byte) (n int, err error) {
	if r.err != nil {
		return 0, r.err
	}
	n, r.err = r.src.Read(to)
	r.read += int64(n)
	return n, r.err
}

// Read implements io.Reader. Of a compressed file io.EOF says that it is whole, and that the checksum of each of its
// members or frames is right (a zstd frame may have none).
func (c *Reader) Read(to []byte) (n int, err error) {
	if err := c.begin(); err != nil {
		return 0, err
	}
	n, err = c.reader.Read(to)
	return n, c.explain(err)
}

// begin finds out how to read the file.
func (c *Reader) begin() error {
	if c.reader == nil {
		c.failed = c.explain(c.open())
	}
	return c.failed
}

// Listed tells whether the file is not one event a line, but an array of them or the like.
func (c *Reader) Listed(format string) bool {
	return format != "lines" && c.begin() == nil && beginsList(c.reader, format == "events")
}

func (c *Reader) open() error {
	src := bufio.NewReaderSize(&c.raw, chunk)
	c.reader = c.ahead(src)
	format := formatOf(src)
	if err := format.refusal(c.follow); err != nil {
		return err
	}
	var held io.Reader
	var err error
	switch c.format = format.name; c.format {
	case gzipFormat:
		held, err = gzip.NewReader(src)
	case zstdFormat:
		held, err = zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow), zstd.WithDecoderMaxMemory(zstdWindow)) // the memory of a stream is its window
	default:
		return nil
	}
	if err != nil {
		return err
	}
	c.reader = c.ahead(bufio.NewReaderSize(held, chunk))
	return inner(c.reader, c.format).refusal(c.follow)
}

// ahead has room for an event as large as may be sent: its key may stand at its end. It reads no more at once than src.
func (c *Reader) ahead(src *bufio.Reader) *bufio.Reader { return bufio.NewReaderSize(src, c.window) }

// explain says what is wrong with a compressed file. Damage shows where decoding fails, or only at the checksum at
// the end.
func (c *Reader) explain(err error) error {
	switch {
	case err == nil || c.format == "" || errors.As(err, new(packed)):
		return err
	case c.raw.err != nil && !errors.Is(c.raw.err, io.EOF):
		return c.raw.err
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it is truncated: its %s data are incomplete", c.format)
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return fmt.Errorf("its zstandard data need a window of more than %d MiB, or are damaged: try whether zstd -d --long=31 decompresses it", zstdWindow>>20)
	}
	return fmt.Errorf("its %s data are damaged, and lines that were already sent may be too: %w", c.format, err)
}

// Progress returns how many bytes of the file a line of size bytes stands for. Of a compressed file these are the
// bytes that were read since the line before.
func (c *Reader) Progress(size int) int {
	if c.format == "" {
		return size
	}
	size = int(c.raw.read - c.told)
	c.told = c.raw.read
	return size
}

// MustGrow refuses a compressed file, and an array: nobody appends lines to one, and --follow would wait at its end for
// nothing.
func MustGrow(path, format string, window int) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	c := NewReader(file, window, true)
	if err = c.begin(); err == nil && c.Listed(format) {
		err = errors.New("it is an array of events, or an event over several lines, but --follow needs one event per line: replay it without --follow")
	}
	if err != nil {
		return fmt.Errorf("--follow: %s: %w", path, err)
	}
	return nil
}
