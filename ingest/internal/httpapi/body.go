package httpapi

import (
	"bytes"
	"errors"
	"io"
	"unsafe"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

const (
	// growStart is how much of the budget is taken first for a body of unknown length; the amount doubles as the
	// body grows. A guess: small bodies are common.
	growStart = 32 << 10

	// firstPart is how much is taken first for a body of known length. What is taken grows by partGrowth as the body
	// arrives: so those who only begin large bodies cannot take the room of everybody else. A part is taken only if there
	// is room for all parts to come. Guesses: a part that is full is copied, which for an eighth of a body costs nothing
	// beside decoding it.
	firstPart, partGrowth = 64 << 10, 8

	// prefetched is how much of a body of known length fasthttp has read before the
	// handler runs: a body up to this size can be thrown away at no cost.
	prefetched = 8 << 10
)

var (
	errBodyTooLarge = errors.New("body too large")
	errNoRoom       = errors.New("no room for the body")
	errBodyTimeout  = errors.New("body too slow")
	errBodyBroken   = errors.New("body broken off")
	errTooMany      = errors.New("too many fields")
)

// readBody reads the body of a request into memory of its own, which is taken from the budget before it is filled.
// limit bounds a body sent without a length; the caller has checked the length of any other. A body read to its end is
// closed, so that a stream that is still there when the handler is done is an unread body.
//
// room is for event.DecodeInto, and may have no capacity.
func (s *Server) readBody(ctx *fasthttp.RequestCtx, c coding, limit int, a *account) (body string, room []event.Event, err error) {
	sent, room, err := readSent(ctx, limit, a)
	if err != nil {
		return "", nil, bodyError(ctx, err)
	}
	_ = ctx.Request.CloseBodyStream()
	if c == identity {
		return text(sent), room, nil
	}
	paid := a.held
	inflated, err := s.inflate(sent, c, a)
	a.give(paid) // what was sent is garbage now
	return text(inflated), nil, err
}

func readSent(ctx *fasthttp.RequestCtx, limit int, a *account) (sent []byte, room []event.Event, err error) {
	stream, length := ctx.RequestBodyStream(), ctx.Request.Header.ContentLength()
	if stream == nil {
		return nil, nil, nil
	}
	if length < 0 {
		sent, err = readChunked(ctx, growing{account: a, limit: limit})
		return sent, nil, err
	}
	return readParts(stream, length, a)
}

// readParts reads a body of known length, and pays for it as it arrives.
func readParts(stream io.Reader, length int, a *account) (sent []byte, room []event.Event, err error) {
	g := growing{account: a, most: peakOfParts(int64(length))}
	if !a.takeToward(g.most, int64(min(length, firstPart))) {
		return nil, nil, errNoRoom
	}
	sent, room = allocate(min(length, firstPart))
	g.buf = sent
	_, err = io.ReadFull(stream, sent)
	for err == nil && len(g.buf) < length {
		have := len(g.buf)
		if err = g.grow(min(partGrowth*have, length)); err == nil {
			g.buf = g.buf[:cap(g.buf)]
			_, err = io.ReadFull(stream, g.buf[have:])
		}
	}
	return g.buf, room, err
}

// short is a short body together with room for its event: most requests hold one event, and so take one allocation
// instead of two.
type short struct {
	event [1]event.Event
	body  [shortBody]byte
}

// shortBody is such that a short fills a size class of Go's allocator, 512 bytes.
const shortBody = int(512 - unsafe.Sizeof(event.Event{}))

// allocate makes memory for a body of that length, and room for an event where that costs little.
func allocate(length int) (body []byte, room []event.Event) {
	if length < shortBody/4 || length > shortBody {
		return make([]byte, length), nil
	}
	s := new(short)
	return s.body[:length:length], s.event[:0]
}

// readChunked reads a body without a length, and bounds the trailer fields behind it: fasthttp keeps their memory, as
// it does for the header's.
func readChunked(ctx *fasthttp.RequestCtx, g growing) ([]byte, error) {
	header := &ctx.Request.Header
	err := g.readAll(ctx.RequestBodyStream(), growStart)
	behind := bytes.Count(header.TrailerHeader(), []byte("\n")) - 1 // an empty line ends them
	if err == nil && fieldsOf(header.RawHeaders())+behind > maxFields {
		err = errTooMany
	}
	return g.buf, err
}

// growing is a buffer that is paid for as it grows.
type growing struct {
	account *account
	limit   int   // bytes
	most    int64 // what the account is going to hold while it is filled; 0: that is not known
	buf     []byte
}

// readAll reads r to its end. It fails with errBodyTooLarge over the limit, with
// errNoRoom when the budget is used up, and as r does.
func (g *growing) readAll(r io.Reader, start int) error {
	for {
		if len(g.buf) == g.limit {
			return wantEnd(r)
		}
		if len(g.buf) == cap(g.buf) {
			if err := g.grow(min(max(2*cap(g.buf), start), g.limit)); err != nil {
				return err
			}
		}
		n, err := r.Read(g.buf[len(g.buf):cap(g.buf)])
		g.buf = g.buf[:len(g.buf)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// grow takes the bytes of the new buffer while the old one is still held.
func (g *growing) grow(size int) error {
	if !g.account.takeToward(max(g.most, g.account.held+int64(size)), int64(size)) {
		return errNoRoom
	}
	buf := make([]byte, len(g.buf), size)
	copy(buf, g.buf)
	g.account.give(int64(cap(g.buf)))
	g.buf = buf
	return nil
}

// wantEnd fails if r has one byte more.
func wantEnd(r io.Reader) error {
	_, err := io.ReadFull(r, make([]byte, 1))
	switch err {
	case nil:
		return errBodyTooLarge
	case io.EOF:
		return nil
	}
	return err
}

// peak is the most that readAll, and readParts, hold for a body of that limit: the last buffer and the one before it. The parts
// of readParts are among the sizes that readAll goes through.
func peak(limit int64) int64 {
	size := int64(growStart)
	for 2*size < limit {
		size *= 2
	}
	return limit + min(size, limit)
}

// peakOfParts is the most that readParts holds for a body of that length: all of it, and the part before the last.
func peakOfParts(length int64) int64 {
	part := int64(0)
	for next := int64(firstPart); next < length; next *= partGrowth {
		part = next
	}
	return length + part
}

// text turns a buffer into a string without copying it. The caller gives the buffer up: nobody may write to it again.
func text(buf []byte) string { return unsafe.String(unsafe.SliceData(buf), len(buf)) }

// bodyError says why a body could not be read to its end.
func bodyError(ctx *fasthttp.RequestCtx, err error) error {
	switch {
	case errors.Is(err, errBodyTooLarge), errors.Is(err, errNoRoom), errors.Is(err, errTooMany):
		return err
	case isTimeout(err) || connOf(ctx).late.Load():
		return errBodyTimeout
	}
	return errBodyBroken
}

// abandon makes sure that an unread body is not taken for the next request. It discards a small one; after any other
// the connection ends with the answer.
func abandon(ctx *fasthttp.RequestCtx) {
	length := ctx.Request.Header.ContentLength()
	if length >= 0 && length <= prefetched {
		if _, err := io.Copy(io.Discard, ctx.RequestBodyStream()); err == nil {
			return
		}
	}
	hangUp(ctx)
}
