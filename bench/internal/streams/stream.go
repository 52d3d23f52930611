package streams

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ingot/bench/internal/statistics"
)

// stream follows one topic, or all of them. It wants the events with the numbers next, next+stride, .. in this order.
type stream struct {
	*Run
	topic  string // "": all
	next   int
	stride int
	lastID string // the last id (a cursor) that came

	conn    net.Conn
	lines   *bufio.Reader
	buf     []byte
	latency *hdrhistogram.Histogram // nil: latencies are not kept
}

func (s *stream) open(ctx context.Context) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.Address)
	if err != nil {
		return err
	}
	s.conn = conn
	query := "after=now"
	if s.topic != "" {
		query += "&topic=" + s.topic
	}
	resume := ""
	if s.lastID != "" {
		resume = "Last-Event-ID: " + s.lastID + "\r\n"
	}
	if _, err := fmt.Fprintf(conn, "GET /events/stream?%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", query, resume); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("a stream was answered with status %d", answer.StatusCode)
	}
	s.lines = bufio.NewReader(answer.Body)
	for s.lastID == "" { // from the first id on no event may be missing
		if err := s.readBlock(); err != nil {
			return err
		}
	}
	return nil
}

var errMissing = errors.New("an event is missing")

// readBlock reads one block of the stream, up to an empty line, and checks its event. Half a block, as when a stream is cut off,
// does not count: neither its event nor its id.
func (s *stream) readBlock() error {
	var id string
	var data []byte
	for {
		line, err := s.lines.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		if rest, ok := bytes.CutPrefix(line, []byte("id: ")); ok {
			id = string(rest)
		}
		if rest, ok := bytes.CutPrefix(line, []byte("data: ")); ok {
			data = append(s.buf[:0], rest...)
			s.buf = data
		}
	}
	if len(data) > 0 {
		if err := s.checkEvent(data); err != nil {
			return err
		}
	}
	if id != "" {
		s.lastID = id
	}
	return nil
}

func (s *stream) checkEvent(data []byte) error {
	n, err := field(data, numberField)
	if err != nil || int(n) != s.next {
		return fmt.Errorf("%w: %d came, expected %d (%v)", errMissing, n, s.next, err)
	}
	s.next += s.stride
	if s.latency == nil {
		return nil
	}
	sent, err := field(data, sentField)
	if took := time.Since(time.Unix(0, sent)); err == nil {
		statistics.Record(s.latency, took)
	}
	return err
}

// follow reads until the last event is there.
func (s *stream) follow() error {
	defer s.conn.Close()
	for s.next < s.total() {
		if err := s.readBlock(); err != nil {
			return fmt.Errorf("stream of %q: %w", s.topic, err)
		}
	}
	return nil
}
