package httpapi

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"ingot/internal/event"
	"ingot/internal/workload"
)

// BenchmarkPublish is one event a request over one connection, without sockets, without
// waiting and without a database: what the gate itself costs.
func BenchmarkPublish(b *testing.B) {
	body := workload.AppendJSON(nil, workload.New(1).Event(1))
	request := fmt.Appendf(nil, "POST /publish HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	s := New(Config{Limits: testLimits(), Publisher: storesAll{}, Log: zap.NewNop(), Instance: "test", Metrics: prometheus.NewRegistry()})
	c := &replayed{request: request, left: b.N}
	own := &conn{open: &s.connections}
	own.init(c)
	b.ReportAllocs()
	b.ResetTimer()
	if err := s.fast.ServeConn(own); err != nil {
		b.Fatal(err)
	}
	if c.answers != b.N {
		b.Fatalf("%d answers to %d requests", c.answers, b.N)
	}
}

// storesAll is the pipeline and the database.
type storesAll struct{}

func (storesAll) Submit(group event.Group, _ int64) ([]bool, error) {
	return stored[:len(group.Events)], nil
}

var stored = []bool{true}

// replayed is a client that sends the same request again and again.
type replayed struct {
	request       []byte
	left, answers int
}

func (c *replayed) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	c.left--
	return copy(p, c.request), nil
}

func (c *replayed) Write(p []byte) (int, error)      { c.answers++; return len(p), nil }
func (c *replayed) Close() error                     { return nil }
func (c *replayed) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *replayed) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *replayed) SetDeadline(time.Time) error      { return nil }
func (c *replayed) SetReadDeadline(time.Time) error  { return nil }
func (c *replayed) SetWriteDeadline(time.Time) error { return nil }
