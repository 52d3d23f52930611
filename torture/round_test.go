package torture

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

type eventsPage struct {
	Events []struct {
		ID string `json:"event_id"`
	}
	Next string `json:"next_cursor"`
}

func (r *follower) get(ctx context.Context, path string, into any) error {
	request, _ := http.NewRequestWithContext(ctx, "GET", r.at.url(path), nil)
	answer, err := r.at.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return &statusError{path, answer.StatusCode}
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

func pageRound(ctx context.Context, r *follower) error {
	var page eventsPage
	path := fmt.Sprintf("/events?order=asc&limit=%d", 1+r.random.IntN(200))
	if r.cursor != "" {
		path += "&cursor=" + r.cursor
	}
	if err := r.get(ctx, path, &page); err != nil {
		return err
	}
	for _, e := range page.Events {
		r.seen = append(r.seen, e.ID)
	}
	if page.Next == r.cursor {
		pause(ctx)
	}
	r.cursor = page.Next
	return nil
}

// streamRound follows a stream for some blocks and hangs up, mostly in the middle.
func streamRound(ctx context.Context, r *follower) error {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	request, _ := http.NewRequestWithContext(ctx, "GET", r.at.url("/events/stream?after=beginning"), nil)
	if r.cursor != "" {
		request.Header.Set("Last-Event-ID", r.cursor)
	}
	answer, err := (&http.Client{Transport: r.at.http.Transport}).Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return &statusError{"the stream", answer.StatusCode}
	}
	lines := bufio.NewReader(answer.Body)
	for range 20 + r.random.IntN(2000) {
		b, err := readBlock(lines)
		if err != nil {
			return err
		}
		id, err := b.eventID()
		if err != nil {
			return err
		}
		if id != "" {
			r.seen = append(r.seen, id)
		}
		r.cursor = b.id
		if total := r.house.total.Load(); total > 0 && int64(len(r.seen)) >= total {
			return nil
		}
	}
	r.breaks++
	return nil
}

// subscriptionRound consumes a page and commits it, or crashes before it does: then
// the same events must come again.
func subscriptionRound(name string) func(context.Context, *follower) error {
	var uncommitted []string
	return func(ctx context.Context, r *follower) error {
		if r.cursor == "" {
			if err := r.send(ctx, "PUT", "/subscriptions/"+name, `{"after":"beginning"}`); err != nil {
				return err
			}
			r.cursor = "made"
		}
		var page eventsPage
		if err := r.get(ctx, fmt.Sprintf("/subscriptions/%s/events?limit=%d&wait=1s", name, 1+r.random.IntN(300)), &page); err != nil {
			return err
		}
		var got []string
		for _, e := range page.Events {
			got = append(got, e.ID)
		}
		if n := min(len(got), len(uncommitted)); !slices.Equal(got[:n], uncommitted[:n]) {
			r.house.total.Store(1) // everybody may stop
			return fmt.Errorf("what was not committed came again otherwise: %v, then %v", uncommitted[:n], got[:n])
		}
		if r.random.IntN(4) == 0 { // the consumer crashes
			r.again += len(got)
			r.breaks++
			if len(got) > len(uncommitted) {
				uncommitted = got
			}
			return nil
		}
		if err := r.send(ctx, "POST", "/subscriptions/"+name+"/commit", fmt.Sprintf(`{"cursor":%q}`, page.Next)); err != nil {
			return r.committed(ctx, name, page, got, &uncommitted)
		}
		r.seen, r.cursor, uncommitted = append(r.seen, got...), page.Next, nil
		return nil
	}
}

// committed finds out what became of a commit without an answer: the list tells.
func (r *follower) committed(ctx context.Context, name string, page eventsPage, got []string, uncommitted *[]string) error {
	for ctx.Err() == nil {
		var list struct {
			Subscriptions []struct{ Name, Cursor string }
		}
		if err := r.get(ctx, "/subscriptions", &list); err != nil {
			pause(ctx)
			continue
		}
		for _, s := range list.Subscriptions {
			if s.Name == name && s.Cursor == page.Next {
				r.seen, *uncommitted = append(r.seen, got...), nil
			}
		}
		break
	}
	return fmt.Errorf("a commit had no answer")
}

func (r *follower) send(ctx context.Context, method, path, body string) error {
	request, _ := http.NewRequestWithContext(ctx, method, r.at.url(path), strings.NewReader(body))
	request.Header.Set("Content-Type", "application/json")
	answer, err := r.at.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	if answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %w: %s", method, path, &statusError{path, answer.StatusCode}, text)
	}
	return nil
}
