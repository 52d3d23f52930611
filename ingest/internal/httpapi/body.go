package httpapi

import (
	"errors"
	"io"
	"net"
	"time"
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

	// A refused client may still be sending. Closing at once would reset the
	// connection and take the answer with it; so it is read and thrown away for a
	// while, by a bounded number of goroutines.
	lingerers  = 256
	lingerTime = 2 * time.Second
	lingerMax  = 64 << 20
)

var (
	errBodyTooLarge = errors.New("body too large")
	errNoRoom       = errors.New("no room for the body")
	errBodyTimeout  = errors.New("body too slow")
	errBodyBroken   = errors.New("body broken off")
)

// readBody reads the body of a request into memory of its own, paid from the
// budget before it is read. cost is what was taken, also when it fails; the caller
// gives it back when the request is over.
func (s *Server) readBody(ctx *fasthttp.RequestCtx) (body string, cost int64, err error) {
	length := ctx.Request.Header.ContentLength()
	stream := ctx.RequestBodyStream()
	switch {
	case length > s.Limits.Body:
		return "", 0, errBodyTooLarge
	case length == 0 || stream == nil:
		return "", 0, nil
	case length > 0:
		return s.readKnown(stream, length)
	}
	return s.readChunked(stream)
}

func (s *Server) readKnown(stream io.Reader, length int) (string, int64, error) {
	cost := int64(length)
	if !s.budget.take(cost) {
		return "", 0, errNoRoom
	}
	buf := make([]byte, length)
	if _, err := io.ReadFull(stream, buf); err != nil {
		return "", cost, bodyError(err)
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
			return "", cost, bodyError(err)
		}
	}
}

// text turns a buffer into a string without copying it: the buffer is given up
// here and written to by nobody any more.
func text(buf []byte) string { return unsafe.String(unsafe.SliceData(buf), len(buf)) }

func bodyError(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errBodyTimeout
	}
	return errBodyBroken
}

// abandon makes sure that an unread body is not taken for the next request: small
// ones are passed over, for others the connection ends after the answer.
func (s *Server) abandon(ctx *fasthttp.RequestCtx) {
	length := ctx.Request.Header.ContentLength()
	if stream := ctx.RequestBodyStream(); stream != nil && length >= 0 && length <= prefetched {
		if _, err := io.Copy(io.Discard, stream); err == nil {
			return
		}
	}
	s.hangUp(ctx)
}

// hangUp ends the connection after the answer, and lets the client finish sending
// so that it reads the answer.
func (s *Server) hangUp(ctx *fasthttp.RequestCtx) {
	select {
	case s.linger <- struct{}{}:
	default:
		ctx.SetConnectionClose()
		return
	}
	if ctx.Request.Header.ConnectionClose() {
		<-s.linger
		ctx.SetConnectionClose()
		return
	}
	// "close" would end the connection before the hijack; HTTP reads the token
	// without regard to case, fasthttp does not.
	ctx.Response.Header.Set("Connection", "Close")
	ctx.Hijack(func(c net.Conn) {
		defer func() { <-s.linger }()
		_ = c.SetDeadline(time.Now().Add(lingerTime))
		if half, ok := c.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		_, _ = io.CopyN(io.Discard, c, lingerMax)
	})
}
