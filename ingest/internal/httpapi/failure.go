package httpapi

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"ingot/internal/event"
)

// sampled keeps a flood of failures from becoming a flood of log lines: of each kind of problem the first ten of a second
// are logged, then every thousandth.
func sampled(core zapcore.Core) zapcore.Core {
	return zapcore.NewSamplerWithOptions(core, time.Second, 10, 1000)
}

const (
	// linesEach is how many lines of a kind one client, or one path, has in a minute, and linesOf how many have lines: whoever
	// asks from ever new addresses makes no flood either. Guesses.
	linesEach, linesOf = 10, 100
)

// lineQuota bounds the lines about what may go on for hours: what clients have to mend, and answers of 503. Each client, or
// path, has lines of its own, so that a busy one does not hide another.
type lineQuota struct {
	mu    sync.Mutex
	begun time.Time // a minute for which lines are counted
	lines map[lineOf]int
}

// lineOf is a kind of problem, and whose it is: the holder of a key, or else an address; of a 503, the pattern of a path.
type lineOf struct{ kind, whose string }

func (q *lineQuota) take(l lineOf, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lines == nil || now.Sub(q.begun) >= time.Minute {
		q.begun, q.lines = now, map[lineOf]int{}
	}
	if n, known := q.lines[l]; n == linesEach || !known && len(q.lines) == linesOf {
		return false
	}
	q.lines[l]++
	return true
}

// Why a request failed travels with it until the answer is done, and then goes into the log.
type (
	kindKey  struct{} // of its problem
	causeKey struct{} // its error; none: the problem's detail says it all
)

// noteInvalid notes for the log how many events of a request are invalid, and what is wrong with the first of them.
func noteInvalid(ctx *fasthttp.RequestCtx, d *event.Decoded) {
	first := d.Invalid[0]
	wrong := string(first.Errors[0].Code)
	if field := first.Errors[0].Field; field != "" && first.Errors[0].Code != event.CodeUnknownField {
		wrong += " in " + shown(field)
	}
	ctx.SetUserValue(kindKey{}, problemInvalid.kind)
	ctx.SetUserValue(causeKey{}, fmt.Errorf("%d of %d events are invalid; event %d: %s", len(d.Invalid), d.Total, first.Index, wrong))
}

// withoutBody is what the log may tell of an error. How a body breaks off, or what stands beside its events, is told
// with the names of its members, and a topic that the key does not have with its name.
func withoutBody(cause error) error {
	if syntax, broken := errors.AsType[*event.SyntaxError](cause); broken {
		return fmt.Errorf("at byte %d", syntax.Offset)
	}
	if _, misshapen := errors.AsType[*event.ShapeError](cause); misshapen {
		return nil
	}
	if refused, ok := errors.AsType[*refusal](cause); ok && refused.problem == problemNoTopic {
		return nil
	}
	return cause
}

// logFailure logs a request that was answered 5xx, or whose data Postgres refused; and one that the client has to mend, if
// events or a key were refused. The line has nothing of the body, and of the path only what is fit for a line.
func (s *Server) logFailure(ctx *fasthttp.RequestCtx, id []byte) {
	kind, failed := ctx.UserValue(kindKey{}).(string)
	if !failed {
		return
	}
	cause, _ := ctx.UserValue(causeKey{}).(error)
	status := ctx.Response.StatusCode()
	badData, refused := errors.AsType[*event.BadDataError](cause)
	fields := func() []zap.Field {
		return []zap.Field{
			zap.String("request_id", string(id)), zap.String("method", shown(string(ctx.Method()))), zap.String("path", shown(string(ctx.URI().PathOriginal()))),
			zap.Int("status", status), zap.Error(withoutBody(cause)),
		}
	}
	holder, from, path := connOf(ctx).holder, ctx.RemoteIP(), string(ctx.Path())
	mayTell := func(of *lineQuota, whose string) bool { return of.take(lineOf{kind, whose}, time.Now()) }
	mayTellClient := func() bool {
		if holder == "" {
			return mayTell(&s.unkeyed, from.String())
		}
		return mayTell(&s.refusals, holder)
	}
	switch {
	case status == fasthttp.StatusServiceUnavailable: // nobody's fault
		of := "other"
		if r := s.route(ctx); r != nil {
			of = r.pattern
		}
		if mayTell(&s.unserved, of) {
			s.Log.Warn("request failed: "+kind, fields()...)
		}
	case refused && badData.By != "": // the publisher's
		if mayTellClient() {
			s.Log.Warn("request failed: "+kind, fields()...)
		}
	case status >= 500 || refused:
		s.failures.Error("request failed: "+kind, fields()...)
	case status == fasthttp.StatusUnauthorized || status == fasthttp.StatusForbidden || path == "/publish":
		if mayTellClient() {
			s.Log.Info("request refused: "+kind, append(fields(), zap.String("key", holder), zap.Stringer("from", from))...)
		}
	}
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
