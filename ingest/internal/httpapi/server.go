package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"

	"ingot/internal/event"
)

// Publisher takes in the events of a request and tells their fate.
type Publisher interface {
	// Submit waits until the group's fate is known: for each event whether it was
	// stored (true) or was there already (false), or one of the errors of package
	// event (NotStoredError, BadDataError, UnknownError).
	Submit(group event.Group, bytes int64) ([]bool, error)
}

// Reader reads what was committed.
type Reader interface {
	// Events fails with *event.CursorError for a cursor it cannot go on from.
	Events(ctx context.Context, q event.Query) (event.Page, error)
	Totals(ctx context.Context) (event.Totals, error)
	Ping(ctx context.Context) error
}

// Limits bounds what the gate takes. All fields are required.
type Limits struct {
	Body           int           // bytes of one body, as sent
	BodiesInFlight int64         // bytes of all bodies being read or waited for
	Page           int           // bytes of events in one page of /events
	Header         int           // bytes of one request's header
	Connections    int           // open at a time
	ReadTimeout    time.Duration // header and body of one request
	WriteTimeout   time.Duration // one answer
	IdleTimeout    time.Duration // between two requests of a connection
	QueryTimeout   time.Duration // one read from the database
	Events         event.Limits
}

// Config is what a Server is made of.
type Config struct {
	Limits    Limits
	Publisher Publisher
	Reader    Reader
	Queue     func() QueueStats // figures of the pipeline, for /stats
	Log       *zap.Logger
	Instance  string // prefix of request ids
}

// Server is the HTTP gate.
type Server struct {
	Config
	fast     *fasthttp.Server
	budget   budget
	started  time.Time
	draining atomic.Bool
	requests atomic.Uint64 // for request ids
	rejected atomic.Int64  // events refused as invalid since the start
	linger   chan struct{} // places for connections being drained after a refusal
	routes   map[string]route
}

// route is what a path answers to.
type route struct {
	method string // GET includes HEAD
	handle func(*fasthttp.RequestCtx)
}

// New makes a server; it listens nowhere until Serve.
func New(config Config) *Server {
	s := &Server{Config: config, started: time.Now(), linger: make(chan struct{}, lingerers)}
	s.budget.max = config.Limits.BodiesInFlight
	s.routes = map[string]route{
		"/":        {"GET", s.index},
		"/publish": {"POST", s.publish},
		"/events":  {"GET", s.events},
		"/stats":   {"GET", s.stats},
		"/healthz": {"GET", s.healthz},
		"/readyz":  {"GET", s.readyz},
	}
	s.fast = &fasthttp.Server{
		Handler:      s.serve,
		ErrorHandler: s.unreadable,
		Name:         "ingot",
		Logger:       fastLogger{config.Log},

		// The body is read by the handler, once it is paid for.
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		MaxRequestBodySize:           config.Limits.Body,
		ReadBufferSize:               config.Limits.Header,
		Concurrency:                  config.Limits.Connections,
		ReadTimeout:                  config.Limits.ReadTimeout,
		WriteTimeout:                 config.Limits.WriteTimeout,
		IdleTimeout:                  config.Limits.IdleTimeout,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true,
		CloseOnShutdown:              true,
	}
	return s
}

// Serve answers on the listener until Shutdown.
func (s *Server) Serve(l net.Listener) error { return s.fast.Serve(l) }

// Drain refuses new events from now on and makes /readyz say so; requests that
// wait for their answer still get it.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown stops listening, closes idle connections and waits for the others
// until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	return s.fast.ShutdownWithContext(ctx)
}

// serve is the one handler: it gives the request an id, finds its route, and
// keeps a panic from taking the process down.
func (s *Server) serve(ctx *fasthttp.RequestCtx) {
	id := s.requestID(ctx)
	defer func() {
		if r := recover(); r != nil {
			s.Log.Error("panic in a handler", zap.String("request_id", id), zap.Any("panic", r), zap.ByteString("stack", debug.Stack()))
			s.problem(ctx, problemInternal, "the server made a mistake; it is logged under this request id")
		}
		ctx.Response.Header.Set("X-Request-Id", id)
	}()
	if reason := smuggled(&ctx.Request.Header); reason != "" {
		s.problem(ctx, problemBadRequest, reason)
		s.hangUp(ctx)
		return
	}
	r, found := s.routes[string(ctx.Path())]
	method := string(ctx.Method())
	switch {
	case !found:
		s.problem(ctx, problemNotFound, "there is nothing at this path; / lists what there is")
	case method == r.method || r.method == "GET" && method == "HEAD":
		r.handle(ctx)
	case method == "OPTIONS":
		ctx.Response.Header.Set("Allow", r.allow())
		ctx.SetStatusCode(fasthttp.StatusNoContent)
	default:
		ctx.Response.Header.Set("Allow", r.allow())
		s.problem(ctx, problemMethod, "this path answers to "+r.allow())
	}
	if ctx.Request.IsBodyStream() && r.method != "POST" {
		s.hangUp(ctx) // a body that nobody has read
	}
}

func (r route) allow() string {
	if r.method == "GET" {
		return "GET, HEAD, OPTIONS"
	}
	return r.method + ", OPTIONS"
}

// smuggled names what makes the length of a request ambiguous; "" when nothing
// does.
func smuggled(h *fasthttp.RequestHeader) string {
	if len(h.Peek("Transfer-Encoding")) > 0 && len(h.Peek("Content-Length")) > 0 {
		return "send Content-Length or Transfer-Encoding, not both"
	}
	return ""
}

// unreadable answers what fasthttp could not read as a request. It closes the
// connection afterwards.
func (s *Server) unreadable(ctx *fasthttp.RequestCtx, err error) {
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	switch {
	case errors.As(err, &small):
		s.problem(ctx, problemHeaderTooLarge, "the request's header is too large")
	case errors.As(err, &timeout) && timeout.Timeout():
		s.problem(ctx, problemTimeout, "the request did not arrive in time")
	default:
		s.problem(ctx, problemBadRequest, "this is not a well-formed HTTP/1.1 request")
	}
	ctx.Response.Header.Set("X-Request-Id", s.newRequestID())
}

// fastLogger passes what fasthttp says about broken connections to debug.
type fastLogger struct{ log *zap.Logger }

func (l fastLogger) Printf(format string, args ...any) {
	l.log.Debug("connection", zap.String("detail", strings.TrimSpace(fmt.Sprintf(format, args...))))
}
