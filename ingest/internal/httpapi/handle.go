package httpapi

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
)

// serve is the one handler.
func (s *Server) serve(ctx *fasthttp.RequestCtx) {
	counted := s.answer(ctx, func(handle handler) error { return handle(ctx) })
	counted.observe(ctx.Response.StatusCode(), time.Since(ctx.Time()))
}

// expect decides whether a client that asks first (Expect: 100-continue) may send its body. It answers a request
// that it refuses, and serve never sees that request.
func (s *Server) expect(ctx *fasthttp.RequestCtx) (status int) {
	counted := s.answer(ctx, func(handler) error {
		if string(ctx.URI().PathOriginal()) != "/publish" {
			return nil
		}
		_, err := s.admit(ctx)
		if err == nil && !s.budget.fits(peakOfParts(int64(ctx.Request.Header.ContentLength()))) {
			err = errNoRoom
		}
		return err
	})
	if status = ctx.Response.StatusCode(); status == fasthttp.StatusOK {
		s.allowWrite(ctx)
		return fasthttp.StatusContinue
	}
	hangUp(ctx) // the client may have sent its body all the same
	counted.observe(status, 0)
	return status
}

// allowWrite gives what fasthttp writes before a handler runs the time of an answer. fasthttp does so only for the answers
// of handlers, so that the deadline of the last one would hold, which a pause between two requests may have passed.
func (s *Server) allowWrite(ctx *fasthttp.RequestCtx) {
	_ = connOf(ctx).SetWriteDeadline(time.Now().Add(s.Limits.WriteTimeout))
}

// answer has do answer a request with the handler of its route, and returns where the answer counts.
func (s *Server) answer(ctx *fasthttp.RequestCtx, do func(handler) error) (counted *answers) {
	var space [maxRequestID]byte
	id := s.appendRequestID(space[:0], ctx)
	defer func() { s.finish(ctx, id, recover()) }()
	connOf(ctx).holder, connOf(ctx).topics = "", nil
	counted = &s.elsewhere // also if find panics
	counted, handle := s.find(ctx)
	if handle == nil {
		return counted
	}
	if err := do(handle); err != nil {
		s.problemOf(ctx, err)
	}
	return counted
}

var requestIDHeader = []byte("X-Request-Id")

// finish ends each request: it answers in place of a handler that has panicked, so that the process goes on; it deals
// with an unread body, keeps caches from storing the answer, and gives the answer its id.
func (s *Server) finish(ctx *fasthttp.RequestCtx, id []byte, panicking any) {
	if panicking != nil {
		ctx.Response.Reset()
		s.problemOf(ctx, &panicked{panicking, debug.Stack()})
		hangUp(ctx)
	}
	if ctx.Request.IsBodyStream() {
		abandon(ctx)
	}
	if s.draining.Load() {
		ctx.SetConnectionClose() // or the client's next request would run into the server's end
	}
	if (ctx.IsGet() || ctx.IsHead()) && len(ctx.Response.Header.Peek(fasthttp.HeaderCacheControl)) == 0 {
		ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store") // without it a cache in between may keep the answer for a while
	}
	ctx.Response.Header.SetCanonical(requestIDHeader, id)
	connOf(ctx).withheld = true
	s.logFailure(ctx, id)
}

// find returns where the answer of a request counts, and its handler. If the handler is nil, find has answered the
// request already.
//
// It checks the framing first, because a request that cannot be told apart from the next one must end the
// connection; then the host; the key last, since only a route knows which right it needs. It compares paths as they
// were sent, because a proxy in front decides by the same text what to let pass.
func (s *Server) find(ctx *fasthttp.RequestCtx) (counted *answers, handle handler) {
	if excess := tooMany(&ctx.Request.Header); excess != "" {
		s.problem(ctx, problemHeaderTooLarge, excess)
		hangUp(ctx)
		return &s.elsewhere, nil
	}
	reason := smuggled(ctx.Request.Header.RawHeaders())
	if version := string(ctx.Request.Header.Protocol()); version != "HTTP/1.1" && version != "HTTP/1.0" {
		reason = shown(version) + " is not supported; send HTTP/1.1" // fasthttp reads any version as 1.1
	}
	if reason != "" {
		s.problem(ctx, problemBadRequest, reason)
		hangUp(ctx)
		return &s.elsewhere, nil
	}
	if host, foreign := s.foreign(ctx); foreign {
		s.problem(ctx, problemMisdirected, "this server is not known as "+shown(string(host))+"; if that is a name of it, or of a proxy in front of it, add the name to --allowed-hosts (INGOT_ALLOWED_HOSTS)")
		return &s.elsewhere, nil
	}
	r := s.route(ctx)
	if r == nil {
		s.nowhere(ctx)
		return &s.elsewhere, nil
	}
	if handle := r.handler(string(ctx.Method())); handle != nil {
		if err := s.authorize(ctx, r.right); err != nil {
			s.problemOf(ctx, err)
			return &r.answers, nil
		}
		return &r.answers, handle
	}
	ctx.Response.Header.Set("Allow", r.allow())
	if ctx.IsOptions() {
		ctx.SetStatusCode(fasthttp.StatusNoContent)
	} else {
		s.problem(ctx, problemMethod, "this path supports only "+r.allow()+methodInstead(string(ctx.Method()), string(ctx.URI().PathOriginal())))
	}
	return &r.answers, nil
}

// nowhere answers a request that has no route. OPTIONS * asks what the server as a whole may be asked (RFC 9110,
// 9.3.7).
func (s *Server) nowhere(ctx *fasthttp.RequestCtx) {
	if !ctx.IsOptions() || string(ctx.Request.Header.RequestURI()) != "*" {
		s.problem(ctx, problemNotFound, "there is nothing at this path; "+whereInstead(string(ctx.Method()), string(ctx.URI().PathOriginal())))
		return
	}
	ctx.Response.Header.Set("Allow", strings.Join(methods, ", "))
	ctx.SetStatusCode(fasthttp.StatusNoContent)
}

// unreadable answers what fasthttp could not read as a request. It closes the connection afterwards.
func (s *Server) unreadable(ctx *fasthttp.RequestCtx, err error) {
	s.allowWrite(ctx)
	if tls := connOf(ctx).tls; tls != nil && tls.broken {
		hangUp(ctx) // no answer would reach the client, but the alert that TLS has sent should
		return
	}
	_, small := errors.AsType[*fasthttp.ErrSmallBuffer](err)
	switch {
	case errors.Is(err, errWithoutTLS):
		s.problem(ctx, problemBadRequest, "this is plain HTTP, but the server speaks TLS; use https://")
	case small:
		s.problem(ctx, problemHeaderTooLarge, fmt.Sprintf("the request's header is too large; at most %d bytes are allowed (--max-header)", s.Limits.Header))
	case isTimeout(err):
		s.problem(ctx, problemTimeout, fmt.Sprintf("the request did not arrive within %s (--body-timeout)", s.Limits.ReadTimeout))
	default:
		s.problem(ctx, problemBadRequest, malformed(err))
	}
	hangUp(ctx)
	ctx.Response.Header.SetBytesV("X-Request-Id", s.appendNewRequestID(nil))
	s.elsewhere.observe(ctx.Response.StatusCode(), 0)
}

// maxRequestID bounds an X-Request-Id taken over from the client.
const maxRequestID = 64

// appendRequestID appends the client's own X-Request-Id if it is short and plain, so
// that it can be written into headers and logs; otherwise a new one.
func (s *Server) appendRequestID(b []byte, ctx *fasthttp.RequestCtx) []byte {
	given := ctx.Request.Header.Peek("X-Request-Id")
	if len(given) == 0 || len(given) > maxRequestID {
		return s.appendNewRequestID(b)
	}
	for _, c := range given {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return s.appendNewRequestID(b)
		}
	}
	return append(b, given...)
}

func (s *Server) appendNewRequestID(b []byte) []byte {
	b = append(b, s.Instance...)
	b = append(b, '-')
	return strconv.AppendUint(b, s.requests.Add(1), 36)
}
