package reads

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// requestTimeout bounds one request.
const requestTimeout = 30 * time.Second

// get decodes an answer into into, and says how long the answer took to come.
func (r *run) get(ctx context.Context, path string, query url.Values, into any) (took time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Address+path+"?"+query.Encode(), nil)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	answer, err := r.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	took = time.Since(begin)
	if err != nil {
		return took, err
	}
	if answer.StatusCode != http.StatusOK {
		return took, fmt.Errorf("status %d: %.200s", answer.StatusCode, body)
	}
	return took, json.Unmarshal(body, into)
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
