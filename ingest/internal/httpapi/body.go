package httpapi

import (
	"errors"
	"io"
	"unsafe"

	"github.com/valyala/fasthttp"
)

const (
	// chunkedStart is the first piece of the budget taken for a body of unknown
	// length; it doubles as the body grows.
	chunkedStart = 32 << 10

	// prefetched is how much of a body of known length fasthttp has read before the
	// handler runs: a body up to this size can be thrown away at no cost.
	prefetched = 8 << 10
)

var (
	errBodyTooLarge = errors.New("body too large")
	errNoRoom       = errors.New("no room for the body")
	errBodyTimeout  = errors.New("body too slow")
	errBodyBroken   = errors.New("body broken off")
)

// readBody reads the body of a request into memory of its own, paid from the
// budget before it is read. cost is what was taken, also when it fails; the caller
// gives it back when the request is over. A body read to its end is closed, so
// that a stream still there is a body unread.
func (s *Server) readBody(ctx *fasthttp.RequestCtx) (body string, cost int64, err error) {
	stream := ctx.RequestBodyStream()
	switch length := ctx.Request.Header.ContentLength(); {
	case stream == nil:
	case length >= 0:
		body, cost, err = s.readKnown(stream, length)
	default:
		body, cost, err = s.readChunked(stream)
	}
	if err != nil {
		return "", cost, bodyError(ctx, err)
	}
	_ = ctx.Request.CloseBodyStream()
	return body, cost, nil
}

func (s *Server) readKnown(stream io.Reader, length int) (string, int64, error) {
	cost := int64(length)
	if !s.budget.take(cost) {
		return "", 0, errNoRoom
	}
	buf := make([]byte, length)
	if _, err := io.ReadFull(stream, buf); err != nil {
		return "", cost, err
	}
	return text(buf), cost, nil
}

func (s *Server) readChunked(stream io.Reader) (string, int64, error) {
	cost := int64(0)
	var buf []byte
	for {
		if len(buf) == cap(buf) {
			size := min(max(2*cap(buf), chunkedStart), s.Limits.Body+1)
			if len(buf) > s.Limits.Body {
				return "", cost, errBodyTooLarge
			}
			if !s.budget.take(int64(size)) {
				return "", cost, errNoRoom
			}
			grown := make([]byte, len(buf), size)
			copy(grown, buf)
			s.budget.give(cost)
			buf, cost = grown, int64(size)
		}
		n, err := stream.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF && len(buf) <= s.Limits.Body {
			return text(buf), cost, nil
		}
		if err != nil && err != io.EOF {
			return "", cost, err
		}
	}
}

// text turns a buffer into a string without copying it: the buffer is given up
// here and written to by nobody any more.
func text(buf []byte) string { return unsafe.String(unsafe.SliceData(buf), len(buf)) }

// bodyError says why a body could not be read to its end.
func bodyError(ctx *fasthttp.RequestCtx, err error) error {
	c, ok := ctx.Conn().(*conn)
	switch {
	case errors.Is(err, errBodyTooLarge), errors.Is(err, errNoRoom):
		return err
	case isTimeout(err) || ok && c.late.Load():
		return errBodyTimeout
	}
	return errBodyBroken
}

// abandon makes sure that an unread body is not taken for the next request: small
// ones are passed over, for others the connection ends after the answer.
func abandon(ctx *fasthttp.RequestCtx) {
	length := ctx.Request.Header.ContentLength()
	if length >= 0 && length <= prefetched {
		if _, err := io.Copy(io.Discard, ctx.RequestBodyStream()); err == nil {
			return
		}
	}
	hangUp(ctx)
}
