package torture

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ingot/torture/internal/oracle"
	"ingot/torture/internal/traffic"
)

// stormReader is whoever follows committed events and tells the feed what it sees:
// pages here, streams and subscriptions in files of their own.
type stormReader interface {
	// follow reads until s.reading ends and all that was committed by then has been
	// seen. It returns how many rows it has seen; false when the storm was broken off.
	follow(s *storm) (seen int, ended bool)
	String() string
}

// stormAsker is the connections of one reader, through the proxies of the ingesters.
type stormAsker struct {
	s    *storm
	name string
	http *http.Client
}

// newAsker bounds each answer, a stream's too: it is cut then, and comes back.
func (s *storm) newAsker(name string) *stormAsker {
	return &stormAsker{s, name, &http.Client{Timeout: answerWithin, Transport: &http.Transport{}}}
}

func (a *stormAsker) close() { a.http.CloseIdleConnections() }

// get reads an answer to its end.
func (a *stormAsker) get(from *stormIngester, path string) ([]byte, error) {
	return a.read(a.request("GET", from, path, ""))
}

func (a *stormAsker) request(method string, from *stormIngester, path, body string) *http.Request {
	request, err := http.NewRequestWithContext(a.s.ctx, method, "http://"+from.front.Address()+path, strings.NewReader(body))
	if err != nil {
		panic(err) // written here
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	return request
}

func (a *stormAsker) read(request *http.Request) ([]byte, error) {
	got, err := a.open(request)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	return io.ReadAll(got.Body)
}

// open returns an answer that is as wanted. A reader whose place is good may be told to come back (503), and nothing else of
// its place. 408 says nothing of it: a black hole before clients has kept the request for longer than --body-timeout, as it
// does where all clients have come into it.
func (a *stormAsker) open(request *http.Request) (*http.Response, error) {
	got, err := a.http.Do(request)
	if err != nil || got.StatusCode < 300 {
		return got, err
	}
	defer got.Body.Close()
	body, _ := io.ReadAll(got.Body)
	if got.StatusCode != http.StatusServiceUnavailable && got.StatusCode != http.StatusRequestTimeout {
		a.refused(fmt.Sprintf("%s: %.300s", got.Status, body))
	}
	return nil, fmt.Errorf("%s", got.Status)
}

func (a *stormAsker) refused(how string) {
	a.s.history.Violate("a cursor once given stays good", a.name+": "+how)
}

// stuck notes what a reader met, and rests.
func (a *stormAsker) stuck(seen int, err error) {
	a.s.stuck.Store(a.name, fmt.Sprintf("after %d rows: %v", seen, err))
	a.s.sleep(20 * time.Millisecond)
}

// page is a page of order=asc.
func (a *stormAsker) page(from *stormIngester, cursor string, limit int) (rows []oracle.Row, next string, err error) {
	query := url.Values{"order": {"asc"}, "limit": {fmt.Sprint(limit)}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	body, err := a.get(from, "/events?"+query.Encode())
	if err != nil {
		return nil, "", err
	}
	return readPage(body)
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
	asker := s.newAsker(p.name)
	defer asker.close()
	cursor := ""
	for n := 0; s.ctx.Err() == nil; n++ {
		last := s.reading.Err() != nil // nothing is committed after this: one empty page is the end
		rows, next, err := asker.page(p.from[n%len(p.from)], cursor, p.limit)
		switch {
		case err != nil:
			asker.stuck(seen, err)
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

// shownEvent is an event as pages and streams show it.
type shownEvent struct {
	EventID   string `json:"event_id"`
	Topic     string
	Source    string
	Timestamp time.Time
	Payload   json.RawMessage
}

func (e *shownEvent) row() oracle.Row {
	return oracle.Row{
		Key:   oracle.Key{ID: e.EventID, Topic: e.Topic},
		Print: traffic.Print(e.Source, e.Timestamp, e.Payload),
	}
}

func readPage(body []byte) (rows []oracle.Row, next string, err error) {
	var page struct {
		Events []shownEvent
		Next   *string `json:"next_cursor"`
	}
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, "", fmt.Errorf("page: %w", err)
	}
	if page.Next == nil {
		return nil, "", errors.New("page: it has no next_cursor")
	}
	for i := range page.Events {
		rows = append(rows, page.Events[i].row())
	}
	return rows, *page.Next, nil
}
