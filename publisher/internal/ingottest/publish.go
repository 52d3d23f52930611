package ingottest

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"ingot/internal/event"
)

// limits are those of the server, but for a larger --max-payload.
var limits = event.Limits{MaxEvents: 10_000, MaxPayloadBytes: 1 << 20, MaxDepth: 64}

func (s *Server) publish(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	fault := s.next()
	if status, early := map[Fault]int{Busy: 503, Quota: 429, SlowBody: 408, Lost: 504, Broken: 500, Denied: 403, TooLarge: 413}[fault]; early {
		w.Header().Set("Retry-After", "1")
		refuse(w, status, "injected")
		return
	}
	if fault == CutBefore {
		panic(http.ErrAbortHandler)
	}
	d, err := event.Decode(string(body), event.JSON, limits)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	results := s.store(&d)
	switch fault {
	case LostStored:
		refuse(w, http.StatusGatewayTimeout, "injected")
	case CutAfter:
		panic(http.ErrAbortHandler)
	case Hang:
		<-r.Context().Done()
	case Garbled:
		answer(w, 200, map[string]any{"received": d.Total + 1, "stored": d.Total + 1})
	default:
		tell(w, &d, results)
	}
}

func (s *Server) next() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.requests
	s.requests++
	if s.Fault == nil {
		return None
	}
	return s.Fault(n)
}

// result is what became of one event of a request.
type result struct {
	Index  int     `json:"index"`
	ID     string  `json:"event_id"`
	Status string  `json:"status"`
	Errors []fault `json:"errors,omitempty"`
}

type fault struct {
	Field  string     `json:"field"`
	Code   event.Code `json:"code"`
	Detail string     `json:"detail"`
}

// store settles the events of one request, all under one lock: one fate.
func (s *Server) store(d *event.Decoded) []result {
	s.mu.Lock()
	defer s.mu.Unlock()
	results := make([]result, d.Total)
	for _, no := range d.Invalid {
		results[no.Index] = result{Index: no.Index, ID: no.EventID, Status: "invalid"}
		for _, e := range no.Errors {
			results[no.Index].Errors = append(results[no.Index].Errors, fault(e))
		}
	}
	for n, e := range d.Events {
		i := d.Position(n)
		if results[i] = (result{Index: i, ID: e.ID, Status: "invalid"}); s.Invalid != nil && s.Invalid(Event{Event: e}) {
			results[i].Errors = []fault{{"payload", "injected", "the test does not like it"}}
			continue
		}
		if results[i].Status = s.storeLocked(e); s.Answer != nil {
			results[i].Status = s.Answer(Key{e.ID, e.Topic}, results[i].Status)
		}
	}
	return results
}

func (s *Server) storeLocked(e event.Event) string {
	s.received++
	k := Key{e.ID, e.Topic}
	if s.index[k] {
		return "duplicate"
	}
	if s.index == nil {
		s.index = make(map[Key]bool)
	}
	s.index[k] = true
	s.wakeLocked()
	row := Event{e, time.Now()}
	if s.Keep != nil {
		s.rows = append(s.rows, s.Keep(row)...)
	} else {
		s.rows = append(s.rows, row)
	}
	return "stored"
}

// tell answers in the form of the contract: what is not stored is listed.
func tell(w http.ResponseWriter, d *event.Decoded, results []result) {
	counts := map[string]int{}
	var listed []result
	for _, r := range results {
		if counts[r.Status]++; r.Status != "stored" {
			listed = append(listed, r)
		}
	}
	switch invalid := counts["invalid"]; {
	case invalid == d.Total:
		refuse(w, http.StatusUnprocessableEntity, "no event is valid", listed...)
	case d.Single:
		answer(w, http.StatusOK, map[string]any{"status": results[0].Status, "event_id": results[0].ID, "topic": d.Events[0].Topic})
	default:
		code := http.StatusOK
		if invalid > 0 {
			code = http.StatusMultiStatus
		}
		answer(w, code, map[string]any{
			"received": d.Total, "stored": counts["stored"],
			"duplicates": counts["duplicate"], "invalid": invalid, "results": listed,
		})
	}
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v) // a client that went away is its own affair
}

// refuse answers with a problem document, which says what is wrong with each invalid event.
func refuse(w http.ResponseWriter, code int, detail string, invalid ...result) {
	w.Header().Set("X-Request-Id", "test-1")
	document := map[string]any{"type": "urn:ingot:problem:injected", "title": http.StatusText(code), "status": code, "detail": detail}
	var errors []any
	for _, r := range invalid {
		for _, f := range r.Errors {
			errors = append(errors, map[string]any{"index": r.Index, "field": f.Field, "code": f.Code, "detail": f.Detail})
		}
	}
	if errors != nil {
		document["errors"] = errors
	}
	answer(w, code, document)
}
