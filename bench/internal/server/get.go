package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Get asks a server and decodes its answer into into. took is how long the answer took to come, to its last byte.
func Get(ctx context.Context, client *http.Client, url string, into any) (took time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	begin := time.Now()
	answer, err := client.Do(request)
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
