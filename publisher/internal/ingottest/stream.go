package ingottest

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// heartbeat is how often a stream tells its place.
const heartbeat = 15 * time.Second

// filter is what a reader wants of the feed.
type filter struct {
	topics []string
	source string
}

func (f filter) wants(e Event) bool {
	return (len(f.topics) == 0 || slices.Contains(f.topics, e.Topic)) && (f.source == "" || f.source == e.Source)
}

// Rewind makes gone every place that was given out, as the restore of an older database does.
func (s *Server) Rewind() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rewound = true
	s.wakeLocked()
}

// Streams returns how many streams were opened.
func (s *Server) Streams() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.streams
}

// wakeLocked tells the streams and polls that wait that there is more.
func (s *Server) wakeLocked() {
	if s.changed != nil {
		close(s.changed)
	}
	s.changed = make(chan struct{})
}

// begin reads a place: a number of half rows, as in feed. status is that of the refusal, 0 for none.
func (s *Server) begin(after string) (row, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch after {
	case "now", "":
		return len(s.rows), 0
	case "beginning":
		return 0, 0
	}
	at, err := strconv.Atoi(after)
	switch {
	case err != nil:
		return 0, http.StatusBadRequest
	case s.rewound:
		return 0, http.StatusGone
	}
	return at / 2, 0
}

// behind returns the next rows that f wants, and the place up to which all rows were looked at. If there is no such
// row, changed is closed when there may be one.
func (s *Server) behind(row int, f filter, limit int) (found []Event, next int, changed chan struct{}, rewound bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ; row < len(s.rows) && len(found) < limit; row++ {
		if f.wants(s.rows[row]) {
			found = append(found, s.rows[row])
		}
	}
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return found, row, s.changed, s.rewound
}

func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	after := r.URL.Query().Get("after")
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		after = last
	}
	row, status := s.begin(after)
	if status != 0 {
		refuseCursor(w, status)
		return
	}
	s.mu.Lock()
	cut := -1
	if s.Cut != nil {
		cut = s.Cut(s.streams)
	}
	s.streams++
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(w, "retry: 1000\nid: %d\n\n", 2*row)
	s.follow(w, r, row, cut)
}

func (s *Server) follow(w http.ResponseWriter, r *http.Request, row, cut int) {
	f := filter{r.URL.Query()["topic"], r.URL.Query().Get("source")}
	flusher := w.(http.Flusher)
	for sent := 0; ; {
		found, next, changed, rewound := s.behind(row, f, 1)
		switch {
		case rewound:
			fmt.Fprintf(w, "event: gone\ndata: %s\n\n", gone)
			return
		case len(found) > 0:
			text := fmt.Sprintf("id: %d\ndata: %s\n\n", 2*next, strings.ReplaceAll(view(found[0]), "\n", "\ndata: "))
			if sent == cut {
				fmt.Fprint(w, text[:len(text)-1])
				flusher.Flush()
				panic(http.ErrAbortHandler)
			}
			fmt.Fprint(w, text)
			row, sent = next, sent+1
			continue
		}
		row = next
		flusher.Flush()
		select {
		case <-changed:
		case <-time.After(heartbeat):
			if !s.Mute {
				fmt.Fprintf(w, "id: %d\n\n", 2*row)
			}
		case <-r.Context().Done():
			return
		}
	}
}

const gone = `{"type":"urn:ingot:problem:cursor-gone","title":"The cursor's place in the log is gone","status":410,"detail":"rewound","oldest_cursor":"0"}`

func refuseCursor(w http.ResponseWriter, status int) {
	if status == http.StatusGone {
		w.WriteHeader(status)
		fmt.Fprint(w, gone)
		return
	}
	refuse(w, status, "it is not a valid cursor")
}
