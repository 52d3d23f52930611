package ingottest

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"ingot/internal/event"
)

// Fault is what goes wrong with one request to publish.
type Fault int

const (
	None       Fault = iota
	Busy             // 503 with Retry-After: 1; nothing is stored
	Quota            // 429, the same
	SlowBody         // 408, the same
	Lost             // 504; nothing is stored
	LostStored       // 504, after storing
	Broken           // 500; nothing is stored
	CutBefore        // the connection ends; nothing is stored
	CutAfter         // the connection ends after storing
	Hang             // no answer until the client goes away, after storing
	Denied           // 403, a final refusal
	TooLarge         // 413, the same
	Garbled          // 200 with a body that contradicts the request, after storing
)

// Event is a row, and an event in a request.
type Event struct {
	event.Event
	received time.Time
}

// Key identifies an event.
type Key struct{ ID, Topic string }

// Server is an http.Handler. Its hooks are set before it serves; each may be nil
// and is called by one request at a time.
type Server struct {
	Fault   func(request int) Fault      // which fault hits request n, counted from 0
	Keep    func(row Event) []Event      // what is kept of a new row: nothing, it, more, others
	Invalid func(e Event) bool           // refuses an event
	Answer  func(k Key, s string) string // changes the status an event is answered with
	Cut     func(stream int) int         // in the middle of which of its events stream n is cut, both from 0; negative: of none
	Commit  func(n int) Fault            // which fault, None or Busy, hits commit n of a subscription
	Mute    bool                         // streams have no heartbeats

	mu       sync.Mutex
	requests int
	received int
	index    map[Key]bool
	rows     []Event
	foreign  int // rows that /stats counts on top

	streams       int
	commits       int
	rewound       bool          // places that were given out are gone
	changed       chan struct{} // closed when there is more to follow
	subscriptions map[string]*subscription
}

// ServeHTTP implements the contract.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST /publish":
		s.publish(w, r)
	case "GET /events":
		s.events(w, r)
	case "GET /stats":
		s.stats(w)
	case "GET /events/stream":
		s.stream(w, r)
	default:
		if name, rest, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, "/subscriptions/"), "/"); name != r.URL.Path && (ok || r.Method == "PUT") {
			s.subscription(w, r, name, rest)
			return
		}
		refuse(w, http.StatusNotFound, "no such page")
	}
}

// Rows returns how many rows are kept.
func (s *Server) Rows() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rows)
}

// Requests returns how many requests to publish have come.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Swell makes /stats tell of n rows more than there are, as in a database that
// others filled.
func (s *Server) Swell(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.foreign += n
}

// Each calls f with every row that is kept, in the order of their coming.
func (s *Server) Each(f func(Event)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.rows {
		f(e)
	}
}
