package ingottest

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"time"
)

// subscription is a place that is kept under a name.
type subscription struct {
	asked wanted
	at    int // rows
}

type wanted struct {
	After  string   `json:"after"`
	Topics []string `json:"topics"`
	Source string   `json:"source"`
}

func (s *Server) subscription(w http.ResponseWriter, r *http.Request, name, rest string) {
	s.mu.Lock()
	sub := s.subscriptions[name]
	s.mu.Unlock()
	switch {
	case r.Method+rest == "PUT":
		s.subscribe(w, r, name, sub)
	case sub == nil:
		refuse(w, http.StatusNotFound, "there is no subscription with this name; create it with PUT")
	case r.Method+rest == "GETevents":
		s.poll(w, r, sub)
	case r.Method+rest == "POSTcommit":
		s.commit(w, r, sub)
	default:
		refuse(w, http.StatusNotFound, "no such page")
	}
}

func (s *Server) subscribe(w http.ResponseWriter, r *http.Request, name string, sub *subscription) {
	var asked wanted
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	row, status := s.begin(asked.After)
	switch {
	case status != 0:
		refuseCursor(w, status)
	case sub == nil:
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.subscriptions == nil {
			s.subscriptions = map[string]*subscription{}
		}
		s.subscriptions[name] = &subscription{asked, row}
		answer(w, http.StatusCreated, map[string]any{"name": name})
	case !reflect.DeepEqual(sub.asked, asked):
		refuse(w, http.StatusConflict, "a subscription with this name exists, with a different after, topics or source")
	default:
		answer(w, http.StatusOK, map[string]any{"name": name})
	}
}

// poll answers a page; an empty one only when nothing has come within wait.
func (s *Server) poll(w http.ResponseWriter, r *http.Request, sub *subscription) {
	wait, err := time.ParseDuration(r.URL.Query().Get("wait"))
	limit, err2 := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || err2 != nil || limit < 1 || limit > 1000 || wait > time.Minute {
		refuse(w, http.StatusBadRequest, "limit or wait")
		return
	}
	s.mu.Lock()
	row := sub.at
	s.mu.Unlock()
	for patience := time.After(wait); ; {
		found, next, changed, rewound := s.behind(row, filter{sub.asked.Topics, sub.asked.Source}, limit)
		switch {
		case rewound:
			refuseCursor(w, http.StatusGone)
			return
		case len(found) > 0:
			page(w, found, strconv.Itoa(2*next))
			return
		}
		row = next
		select {
		case <-changed:
		case <-patience:
			page(w, nil, strconv.Itoa(2*row))
			return
		case <-r.Context().Done():
			return
		}
	}
}

func (s *Server) commit(w http.ResponseWriter, r *http.Request, sub *subscription) {
	var body struct{ Cursor string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	row, status := s.begin(body.Cursor)
	if status != 0 {
		refuseCursor(w, status)
		return
	}
	s.mu.Lock()
	n := s.commits
	s.commits++
	fault := None
	if s.Commit != nil {
		fault = s.Commit(n)
	}
	if fault == None {
		sub.at = max(sub.at, row)
	}
	s.mu.Unlock()
	if fault != None {
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "injected")
		return
	}
	answer(w, http.StatusOK, map[string]any{"cursor": body.Cursor})
}
