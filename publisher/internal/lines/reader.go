package lines

import (
	"bytes"
	"errors"
	"io"
)

// ErrNewFile is returned by a source, with no bytes, where one file has ended and
// another begins: what is pending is a line, whether or not it has its line feed.
var ErrNewFile = errors.New("a new file begins")

// Line is a line or, of one that is longer than the window, a piece.
type Line struct {
	Number int64  // from 1, counted on through all files of a Tail
	Part   int    // from 1: which piece of its line this is
	Last   bool   // the line ends with this piece
	Text   []byte // without the line feed; good until the next call of Next
	Size   int    // bytes of the file that the piece stands for
}

// Reader gives out the lines of a source, one after the other.
type Reader struct {
	src    io.Reader
	buf    []byte // of which [start:end] is read and not given out
	start  int
	end    int
	err    error // of the source; its bytes come first
	line   Line  // given out last
	number int64
}

// NewReader returns a Reader for lines of up to window bytes in one piece.
func NewReader(src io.Reader, window int) *Reader {
	return &Reader{src: src, buf: make([]byte, window+1), line: Line{Last: true}}
}

// Next returns the next line or piece, and io.EOF when there is none. After any other error of the source, Pending
// tells how much was read of a line that has no end. A *CutError has thrown that away. Behind it, and behind a *MissedError, there may be lines.
func (r *Reader) Next() (Line, error) {
	var cut *CutError
	var missed *MissedError
	for {
		have := r.buf[r.start:r.end]
		if i := bytes.IndexByte(have, '\n'); i >= 0 {
			return r.give(i, 1, true), nil
		}
		switch {
		case len(have) == len(r.buf):
			return r.give(len(have), 0, false), nil
		case r.err == nil:
			r.fill()
		case (len(have) > 0 || !r.line.Last) && r.ended():
			return r.give(len(have), 0, true), nil
		case errors.Is(r.err, ErrNewFile):
			r.err = nil
		case errors.As(r.err, &cut):
			r.start, r.end, r.err, r.line.Last = 0, 0, nil, true
			return Line{}, cut
		case errors.As(r.err, &missed):
			r.err = nil
			return Line{}, missed
		default:
			return Line{}, r.err
		}
	}
}

// ended tells whether the file has ended. Any other error of the source ends only the reading.
func (r *Reader) ended() bool { return errors.Is(r.err, io.EOF) || errors.Is(r.err, ErrNewFile) }

// Pending is how many bytes are read of a line that has no end yet.
func (r *Reader) Pending() int { return r.end - r.start }

// Unread gives the last n bytes of the line's Text back: the next piece of the
// same line begins with them. It is called before the next Next, with n > 0.
func (r *Reader) Unread(n int) {
	feed := r.line.Size - len(r.line.Text)
	r.start -= n + feed
	r.line.Last = false
}

func (r *Reader) give(n, feed int, last bool) Line {
	part := r.line.Part + 1
	if r.line.Last {
		r.number++
		part = 1
	}
	r.line = Line{Number: r.number, Part: part, Last: last, Text: r.buf[r.start : r.start+n], Size: n + feed}
	r.start += n + feed
	return r.line
}

func (r *Reader) fill() {
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	var n int
	n, r.err = r.src.Read(r.buf[r.end:])
	r.end += n
}
