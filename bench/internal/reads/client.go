package reads

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"ingot/bench/internal/server"
)

// requestTimeout bounds one request.
const requestTimeout = 30 * time.Second

// get asks for path. took is how long the answer took to come.
func (r *run) get(ctx context.Context, path string, query url.Values, into any) (took time.Duration, err error) {
	return server.Get(ctx, r.http, "http://"+r.Address+path+"?"+query.Encode(), into)
}

// page is an answer of GET /events.
type page struct {
	Events []event
	Next   string `json:"next_cursor"`
}

type event struct {
	ID         string `json:"event_id"`
	Topic      string
	Source     string
	Payload    json.RawMessage
	ReceivedAt time.Time `json:"received_at"`
}

type stats struct {
	Received int64
	Unique   int64 `json:"unique_processed"`
	Topics   map[string]int
}
