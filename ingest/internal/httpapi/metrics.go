package httpapi

import (
	"bytes"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/valyala/fasthttp"
)

// answerSeconds are the bounds of the histogram of answer times: from a batch of a few events to the default
// deadline of ten seconds, and a long poll of a minute.
var answerSeconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60}

// answers counts the answers of a route by status, and how long they took. The counter of a status that was given
// before is found without a lock.
type answers struct {
	seconds  prometheus.ObserverVec
	byStatus [600]atomic.Pointer[prometheus.Observer]
}

func (a *answers) observe(status int, took time.Duration) {
	known := &a.byStatus[status]
	o := known.Load()
	if o == nil {
		made := a.seconds.WithLabelValues(strconv.Itoa(status))
		o = &made
		known.Store(o)
	}
	(*o).Observe(took.Seconds())
}

// watched are the statuses of a route that docs/metrics.md has an alert for. Their series exist from the start, at 0:
// an alert sees a counter rise, and one that first appears with the value 1 has not risen.
func watched(pattern string) []string {
	switch {
	case pattern == "/publish":
		return []string{"429", "503", "504"}
	case strings.HasPrefix(pattern, "/events"), strings.HasPrefix(pattern, "/subscriptions"):
		return []string{"503"}
	}
	return nil
}

func (s *Server) register() {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "ingot_http_answer_seconds", Buckets: answerSeconds,
		Help: "Time from a request's header to its answer, by route and status; for a stream or an export, to its start.",
	}, []string{"route", "status"})
	s.Metrics.MustRegister(seconds)
	for pattern, r := range s.routes {
		r.pattern = pattern
		r.answers.seconds = seconds.MustCurryWith(prometheus.Labels{"route": pattern})
		for _, status := range watched(pattern) {
			r.answers.seconds.WithLabelValues(status)
		}
	}
	s.elsewhere.seconds = seconds.MustCurryWith(prometheus.Labels{"route": "other"})

	for _, c := range []struct {
		name, help string
		value      func() int64
	}{
		{"ingot_events_invalid_total", "Events refused as invalid.", s.rejected.Load},
		{"ingot_http_connections_refused_total", "Connections refused because --max-connections were open.", s.turnedAway.Load},
		{"ingot_http_handshakes_failed_total", "TLS handshakes that failed, not counting clients without TLS.", s.handshakesFailed.Load},
	} {
		s.Metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: c.name, Help: c.help}, func() float64 { return float64(c.value()) }))
	}
	for _, g := range []struct {
		name, help string
		value      func() int64
		limit      int64
	}{
		{"ingot_http_connections", "Open connections.", s.connections.Load, int64(s.Limits.Connections)},
		{"ingot_http_bodies_bytes", "Bytes of all request bodies being read or waiting for an answer.", s.budget.used.Load, s.Limits.BodiesInFlight},
		{"ingot_http_reads_bytes", "Bytes of pages on their way to clients.", s.reads.used.Load, s.Limits.Reads},
		{"ingot_exports", "Exports under way.", s.exports.Load, int64(s.Limits.Exports)},
	} {
		s.Metrics.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name, Help: g.help}, func() float64 { return float64(g.value()) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: g.name + "_limit", Help: "Limit of " + g.name + "."}, func() float64 { return float64(g.limit) }))
	}
}

// metrics answers in the text format of Prometheus, also while the database is away.
func (s *Server) metrics(ctx *fasthttp.RequestCtx) error {
	families, err := s.Metrics.Gather()
	if err != nil {
		return err
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	var body bytes.Buffer
	encoder := expfmt.NewEncoder(&body, format)
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			return err
		}
	}
	if err := s.respondList(ctx, body.Bytes()); err != nil {
		return err
	}
	ctx.Response.Header.SetContentType(string(format))
	return nil
}
