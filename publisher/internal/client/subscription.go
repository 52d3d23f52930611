package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Objects is a page of events as the server wrote them.
type Objects struct {
	Events []json.RawMessage `json:"events"`
	Next   string            `json:"next_cursor"` // what to commit once they are done
}

// Create makes a subscription, or finds that it is there as it is wanted.
func (f *Follower) Create(ctx context.Context, name string, q Query) error {
	body, _ := json.Marshal(q) // of texts alone it does not fail
	_, err := f.ask(ctx, f.c.cfg.Timeout, http.MethodPut, subscriptionPath(name, ""), body)
	return err
}

// Poll returns at most limit events behind the committed place. It waits for some; the page may be empty all the
// same. An answer that is no page is a *Refused: whoever answers so is no Ingot.
func (f *Follower) Poll(ctx context.Context, name string, limit int, wait time.Duration) (page Objects, err error) {
	path := subscriptionPath(name, fmt.Sprintf("/events?limit=%d&wait=%s", limit, wait))
	body, err := f.ask(ctx, wait+f.c.cfg.Timeout, http.MethodGet, path, nil)
	if err != nil {
		return page, err
	}
	if err = json.Unmarshal(body, &page); err == nil && page.Next == "" {
		err = errors.New("it has no next_cursor, which each page of a subscription must have")
	}
	if err != nil {
		return page, &Refused{Status: http.StatusOK, Err: fmt.Errorf("read answer to GET %s: %w", path, err)}
	}
	return page, nil
}

// Commit moves a subscription to the end of a page. When ctx ends the request still has its Grace:
// events that are not committed would come again.
func (f *Follower) Commit(ctx context.Context, name, cursor string) error {
	ctx, cancel := Outlive(ctx, Grace)
	defer cancel()
	body, _ := json.Marshal(map[string]string{"cursor": cursor}) // nor does this
	_, err := f.ask(ctx, f.c.cfg.Timeout, http.MethodPost, subscriptionPath(name, "/commit"), body)
	return err
}

func subscriptionPath(name, rest string) string {
	return "/subscriptions/" + url.PathEscape(name) + rest
}
