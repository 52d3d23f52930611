package ingottest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// view writes a row as the server does: by hand, since encoding/json would
// rewrite the payload, which must come back byte for byte.
func view(e Event) string {
	return fmt.Sprintf(`{"event_id":%q,"topic":%q,"source":%q,"timestamp":%q,"received_at":%q,"payload":%s}`,
		e.ID, e.Topic, e.Source, e.Timestamp.Format(time.RFC3339Nano), e.received.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano), e.Payload)
}

func page(w http.ResponseWriter, rows []Event, next string) {
	var views []string
	for _, e := range rows {
		views = append(views, view(e))
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"events":[%s],"next_cursor":%q}`, strings.Join(views, ","), next)
}

func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("order") == "asc" {
		s.feed(w, q.Get("cursor"), q.Get("limit"))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Event
	for _, e := range s.rows {
		if e.ID == q.Get("event_id") && e.Topic == q.Get("topic") {
			found = append(found, e)
		}
	}
	page(w, found, "")
}

// feed gives pages in commit order. A cursor is a number of half rows. A page that begins behind a multiple of three
// rows has an empty page before it, whose cursor advances by a half; the page behind the empty one is a short one.
func (s *Server) feed(w http.ResponseWriter, cursor, size string) {
	at, err := strconv.Atoi("0" + cursor)
	limit, err2 := strconv.Atoi(size)
	if err != nil || err2 != nil || limit < 1 || limit > 1000 {
		refuse(w, http.StatusBadRequest, "cursor or limit")
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	from := min(at/2, len(s.rows))
	if at%2 == 0 && from < len(s.rows) && from%3 == 0 {
		page(w, nil, strconv.Itoa(at+1))
		return
	}
	if at%2 == 1 {
		limit = (limit + 1) / 2
	}
	to := min(from+limit, len(s.rows))
	page(w, s.rows[from:to], strconv.Itoa(2*to))
}

func (s *Server) stats(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.index)
	answer(w, http.StatusOK, map[string]any{"received": s.received, "unique_processed": n + s.foreign, "duplicate_dropped": s.received - n})
}
