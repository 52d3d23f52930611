package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Row is an event as the server gives it back. Payload is the bytes it holds.
type Row struct {
	ID         string          `json:"event_id"`
	Topic      string          `json:"topic"`
	Source     string          `json:"source"`
	Timestamp  time.Time       `json:"timestamp"`
	ReceivedAt time.Time       `json:"received_at"`
	Payload    json.RawMessage `json:"payload"`
}

// Page is one answer of GET /events. In feed order Next is always there, and a
// page may be short or empty while Next advances.
type Page struct {
	Events []Row  `json:"events"`
	Next   string `json:"next_cursor"`
}

// totals is where the totals are read. Nobody here looks at the topics: a list of a million takes the server seconds, and is
// made for one client at a time.
const totals = "/stats?topics=0"

// Stats is what the publisher needs of GET /stats.
type Stats struct {
	UniqueProcessed int `json:"unique_processed"`
}

// Stats reads the totals of the server.
func (c *Client) Stats(ctx context.Context) (s Stats, err error) {
	err = c.get(ctx, totals, &s)
	return s, err
}

// Feed reads the page of the feed behind cursor; "" is the beginning.
func (c *Client) Feed(ctx context.Context, cursor string, limit int) (p Page, err error) {
	q := url.Values{"order": {"asc"}, "limit": {strconv.Itoa(limit)}}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	err = c.get(ctx, "/events?"+q.Encode(), &p)
	return p, err
}

// Lookup reads the events of one key: one, if all is well.
func (c *Client) Lookup(ctx context.Context, id, topic string) ([]Row, error) {
	var p Page
	q := url.Values{"event_id": {id}, "topic": {topic}}
	err := c.get(ctx, "/events?"+q.Encode(), &p)
	return p.Events, err
}

// Reach waits until the server answers anything at all, for as long as a batch
// would be retried. waiting is called with the first error, before the wait.
func (c *Client) Reach(ctx context.Context, waiting func(error)) error {
	deadline := time.Now().Add(c.cfg.GiveUpAfter)
	for n := 0; ; n++ {
		a := c.do(ctx, c.cfg.Timeout, http.MethodGet, totals, nil)
		if a.err == nil {
			return nil
		}
		no := refused(a)
		if n == 0 && no.again && ctx.Err() == nil {
			waiting(no.err)
		}
		if !no.pause(ctx, n, deadline) {
			return fmt.Errorf("reach server: %w", no.err)
		}
	}
}

// get reads path into the value into points to, with the retries of a batch.
func (c *Client) get(ctx context.Context, path string, into any) error {
	deadline := time.Now().Add(c.cfg.GiveUpAfter)
	for n := 0; ; n++ {
		a := c.do(ctx, c.cfg.Timeout, http.MethodGet, path, nil)
		if a.err == nil && a.status == http.StatusOK {
			if err := json.Unmarshal(a.body, into); err != nil {
				return fmt.Errorf("read answer to GET %s: %w", path, err)
			}
			return nil
		}
		no := refused(a)
		if !no.pause(ctx, n, deadline) {
			return fmt.Errorf("GET %s: %w", path, no.err)
		}
	}
}
