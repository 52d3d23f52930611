package torture

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"ingot/torture/internal/oracle"
	"ingot/torture/internal/traffic"
)

// stormReader is whoever follows committed events and tells the feed what it sees: pages
// of order=asc for now; streams and subscriptions have their place here.
type stormReader interface {
	// follow reads until s.reading ends and all that was committed by then has been
	// seen. It returns how many rows it has seen; false when the storm was broken off.
	follow(s *storm) (seen int, ended bool)
	String() string
}

// pages follows order=asc by its cursor, from one ingester, or from each in turn:
// a cursor is good for all of them.
type pages struct {
	name  string
	from  []*stormIngester
	limit int
}

func (p *pages) String() string { return p.name }

func (p *pages) follow(s *storm) (seen int, ended bool) {
	client := &http.Client{Timeout: answerWithin, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	cursor := ""
	for n := 0; s.ctx.Err() == nil; n++ {
		last := s.reading.Err() != nil // nothing is committed after this: one empty page is the end
		rows, next, err := p.page(s, client, p.from[n%len(p.from)], cursor)
		switch {
		case err != nil:
			s.stuck.Store(p.name, fmt.Sprintf("after %d rows: %v", seen, err))
			s.sleep(20 * time.Millisecond)
			continue
		case len(rows) == 0 && next == cursor && last:
			return seen, true
		case len(rows) == 0 && next == cursor:
			s.sleep(10 * time.Millisecond)
		}
		s.feed.Saw(p.name, seen, rows)
		seen += len(rows)
		s.read.Add(int64(len(rows)))
		cursor = next
	}
	return seen, false
}

// page is a page of /events.
func (p *pages) page(s *storm, client *http.Client, from *stormIngester, cursor string) (rows []oracle.Row, next string, err error) {
	query := url.Values{"order": {"asc"}, "limit": {fmt.Sprint(p.limit)}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	got, err := client.Get("http://" + from.front.Address() + "/events?" + query.Encode())
	if err != nil {
		return nil, "", err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return nil, "", err
	}
	if got.StatusCode != http.StatusOK {
		if got.StatusCode != http.StatusServiceUnavailable {
			s.history.Violate("a cursor once given stays good", fmt.Sprintf("%s: %s: %.300s", p.name, got.Status, body))
		}
		return nil, "", fmt.Errorf("%s", got.Status)
	}
	return readPage(body)
}

func readPage(body []byte) (rows []oracle.Row, next string, err error) {
	var page struct {
		Events []struct {
			EventID   string `json:"event_id"`
			Topic     string
			Source    string
			Timestamp time.Time
			Payload   json.RawMessage
		}
		Next *string `json:"next_cursor"`
	}
	if err := json.Unmarshal(body, &page); err != nil || page.Next == nil {
		return nil, "", fmt.Errorf("page: %w, cursor %v", err, page.Next)
	}
	for _, e := range page.Events {
		rows = append(rows, oracle.Row{
			Key:   oracle.Key{ID: e.EventID, Topic: e.Topic},
			Print: traffic.Print(e.Source, e.Timestamp, e.Payload),
		})
	}
	return rows, *page.Next, nil
}
