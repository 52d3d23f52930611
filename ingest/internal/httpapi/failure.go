package httpapi

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"ingot/internal/event"
)

// sampled keeps a flood of refusals from becoming a flood of log lines: of each kind
// of problem the first ten of a second are logged, then every thousandth.
func sampled(core zapcore.Core) zapcore.Core {
	return zapcore.NewSamplerWithOptions(core, time.Second, 10, 1000)
}

// failure is why a request failed. It travels with the request until the answer is done, and then goes into the
// log.
type failure struct {
	kind  string
	cause error // nil: the detail says it all
}

type failureKey struct{}

// logFailure logs a request that was answered 5xx, or whose data Postgres refused. The line has nothing of the body, and of
// the path only what is fit for a line.
func (s *Server) logFailure(ctx *fasthttp.RequestCtx, id []byte) {
	f, _ := ctx.UserValue(failureKey{}).(failure)
	status := ctx.Response.StatusCode()
	badData, refused := errors.AsType[*event.BadDataError](f.cause)
	if status < 500 && !refused {
		return
	}
	level := zap.ErrorLevel
	if status == fasthttp.StatusServiceUnavailable || refused && badData.By != "" {
		level = zap.WarnLevel // nobody's fault, or the publisher's
	}
	s.failures.Log(level, "request failed: "+f.kind,
		zap.String("request_id", string(id)), zap.String("method", shown(string(ctx.Method()))), zap.String("path", shown(string(ctx.URI().PathOriginal()))),
		zap.Int("status", status), zap.Error(f.cause))
}

// fastLogger passes what fasthttp says about broken connections to debug.
type fastLogger struct{ log *zap.Logger }

func (l fastLogger) Printf(format string, args ...any) {
	l.log.Debug("connection", zap.String("detail", strings.TrimSpace(fmt.Sprintf(format, args...))))
}

// panicked is the cause of an answer when a handler panicked.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n%s", p.value, p.stack) }
