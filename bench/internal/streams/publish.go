package streams

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// publish publishes events 0..total-1 at a fixed rate. A request whose time is past is sent at once.
func (r *Run) publish(ctx context.Context, client *http.Client) error {
	begin := time.Now()
	for n := 0; n < r.total(); n += r.Array {
		due := begin.Add(time.Duration(n) * time.Second / time.Duration(r.Rate))
		select {
		case <-time.After(time.Until(due)):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := r.post(ctx, client, n); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		r.Progress(n + r.Array)
	}
	return nil
}

func (r *Run) post(ctx context.Context, client *http.Client, first int) error {
	body := r.body(first, time.Now())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.Address+"/publish?results=none", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var got struct{ Stored int }
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil || got.Stored != r.Array {
		return fmt.Errorf("status %d, %d of %d stored (%v)", answer.StatusCode, got.Stored, r.Array, err)
	}
	return nil
}

// body is an array of events with payloads of some 200 bytes.
func (r *Run) body(first int, at time.Time) []byte {
	b := []byte{'['}
	for n := first; n < first+r.Array; n++ {
		if n > first {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"event_id":"bench-%09d","topic":"%s","source":"bench","timestamp":"2025-01-01T00:00:00Z","payload":{%s%d,%s%d,"text":"%0150d"}}`,
			n, topicName(n%r.Topics), numberField, n, sentField, at.UnixNano(), n)
	}
	return append(b, ']')
}

const (
	numberField = `"bench_number":`
	sentField   = `"bench_sent":`
)

func topicName(n int) string { return fmt.Sprintf("stream-%03d", n) }

// field reads the number behind a name.
func field(line []byte, name string) (int64, error) {
	_, rest, _ := bytes.Cut(line, []byte(name))
	end := 0
	for end < len(rest) && '0' <= rest[end] && rest[end] <= '9' {
		end++
	}
	return strconv.ParseInt(string(rest[:end]), 10, 64)
}
