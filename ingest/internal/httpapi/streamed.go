package httpapi

import (
	"context"
	"net"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"ingot/internal/event"
)

// flushBytes is how much of a streamed answer is gathered before it is written. A guess.
const flushBytes = 32 << 10

// maxUnasked is how many bytes a client may send after a request that is answered by a stream. They are discarded: at most
// they are the body of a GET, which has no meaning. A client that never stopped sending kept three quarters of a core busy.
// A guess.
const maxUnasked = 64 << 10

// streamed is an answer whose length is not known beforehand. It takes the connection over from fasthttp, which would
// limit the whole answer by one timeout and would not notice that the client has left.
type streamed struct {
	conn    net.Conn
	chunked bool          // HTTP/1.1; otherwise the answer ends with the connection
	stall   time.Duration // one write
	may     func() bool   // asked before each write whether the key may still read this
	out     []byte        // room for the line with the chunk's size, and behind it what is not written yet
}

// sizeRoom is what a chunk's size in hex and its line end take.
const sizeRoom = 10

// streamedHeader sets the header fields of a streamed answer, also for HEAD.
func streamedHeader(ctx *fasthttp.RequestCtx, contentType string) {
	h := &ctx.Response.Header
	h.SetContentType(contentType)
	h.Set("X-Accel-Buffering", "no") // or nginx gathers what should go out
}

// stream answers with what write writes, of these topics. write's context ends when the client leaves and when the server drains. If write
// returns true the answer is complete, otherwise it is broken off, so that the client can tell. ended is called exactly
// once: at once if the server is stopping, and otherwise when the connection is closed.
func (s *Server) stream(ctx *fasthttp.RequestCtx, topics []string, write func(ctx context.Context, w *streamed) bool, ended func()) error {
	if s.draining.Load() {
		ended()
		return event.ErrFeedClosed
	}
	h := &ctx.Response.Header
	chunked := ctx.Request.Header.IsHTTP11()
	h.SetContentLength(map[bool]int{true: -1, false: -2}[chunked]) // -2: to the end of the connection
	h.SetConnectionClose()
	own := connOf(ctx)
	own.ended = ended
	may := s.stillMayRead(ctx, topics)
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(c net.Conn) {
		whole := false
		defer func() {
			if !whole && !chunked {
				own.breakOff()
			}
		}()
		defer s.recoverStream(h)
		w := &streamed{conn: c, chunked: chunked, stall: s.Limits.Stall, may: may, out: make([]byte, sizeRoom)}
		alive, stop := s.watch(c)
		defer stop()
		whole = w.raw(h.Header()) == nil && write(alive, w) && w.flush() == nil
		if whole && chunked {
			_ = w.raw([]byte("0\r\n\r\n"))
		}
	})
	return nil
}

// recoverStream keeps a panic from taking the process down, as finish does for handlers. The answer is broken off.
func (s *Server) recoverStream(h *fasthttp.ResponseHeader) {
	if p := recover(); p != nil {
		s.failures.Error("a streamed answer was cut short", zap.ByteString("request_id", h.Peek("X-Request-Id")), zap.Error(&panicked{p, debug.Stack()}))
	}
}

// watch returns a context that ends when the client closes its side or sends more than maxUnasked, or the server
// drains. It discards what the client sends. stop waits for the goroutine that reads.
func (s *Server) watch(c net.Conn) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(s.serving)
	var reader sync.WaitGroup
	reader.Go(func() { // stopped by the read deadline, awaited in stop
		defer cancel()
		var buf [512]byte
		for unasked := 0; unasked <= maxUnasked; {
			n, err := c.Read(buf[:])
			if err != nil {
				return
			}
			unasked += n
		}
	})
	return ctx, func() {
		cancel()
		_ = c.SetReadDeadline(time.Unix(1, 0))
		reader.Wait()
	}
}

// put takes out with what was appended to it, and writes when there is enough.
func (w *streamed) put(out []byte) error {
	if w.out = out; len(out) < flushBytes {
		return nil
	}
	return w.flush()
}

func (w *streamed) flush() error {
	if len(w.out) == sizeRoom {
		return nil
	}
	if !w.may() {
		return errKeyGone
	}
	out := w.out[sizeRoom:]
	if w.chunked {
		size := strconv.AppendInt(nil, int64(len(out)), 16)
		size = append(size, '\r', '\n')
		out = w.out[sizeRoom-len(size):]
		copy(out, size)
		out = append(out, '\r', '\n')
	}
	err := w.raw(out)
	if w.out = w.out[:sizeRoom]; cap(w.out) > 8*flushBytes {
		w.out = make([]byte, sizeRoom)
	}
	return err
}

// raw writes b, which the client must take within stall.
func (w *streamed) raw(b []byte) error {
	_ = w.conn.SetWriteDeadline(time.Now().Add(w.stall))
	_, err := w.conn.Write(b)
	return err
}
