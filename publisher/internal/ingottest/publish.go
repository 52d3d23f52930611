package ingottest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// raw is a payload as it came; nil tells that there was none.
type raw = json.RawMessage

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
	events, alone, err := decode(body)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	statuses := s.store(events)
	switch fault {
	case LostStored:
		refuse(w, http.StatusGatewayTimeout, "injected")
	case CutAfter:
		panic(http.ErrAbortHandler)
	case Hang:
		<-r.Context().Done()
	case Garbled:
		answer(w, 200, map[string]any{"received": len(events) + 1, "stored": len(events) + 1})
	default:
		tell(w, events, statuses, alone)
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

// decode takes an object or an array, and refuses what an event must not have.
func decode(body []byte) (events []Event, alone bool, err error) {
	body = bytes.TrimSpace(body)
	alone = len(body) > 0 && body[0] == '{'
	if alone {
		body = append(append([]byte{'['}, body...), ']')
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&events); err != nil {
		return nil, alone, fmt.Errorf("decode: %w", err)
	}
	if len(events) == 0 {
		return nil, alone, errors.New("decode: no events")
	}
	return events, alone, nil
}

func (e Event) complete() bool {
	if e.ID == nil || e.Topic == nil || e.Source == nil || e.Timestamp == nil || e.Payload == nil {
		return false
	}
	_, err := time.Parse(time.RFC3339, *e.Timestamp)
	return err == nil && *e.ID != "" && *e.Topic != "" && *e.Source != ""
}

// store settles the events of one request, all under one lock: one fate.
func (s *Server) store(events []Event) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	statuses := make([]string, len(events))
	for i, e := range events {
		statuses[i] = s.storeLocked(e)
		if s.Answer != nil && statuses[i] != "invalid" {
			statuses[i] = s.Answer(Key{*e.ID, *e.Topic}, statuses[i])
		}
	}
	return statuses
}

func (s *Server) storeLocked(e Event) string {
	if !e.complete() || s.Invalid != nil && s.Invalid(e) {
		return "invalid"
	}
	s.received++
	k := Key{*e.ID, *e.Topic}
	if s.index[k] {
		return "duplicate"
	}
	if s.index == nil {
		s.index = make(map[Key]bool)
	}
	s.index[k] = true
	e.received = time.Now()
	s.wakeLocked()
	if s.Keep != nil {
		s.rows = append(s.rows, s.Keep(e)...)
	} else {
		s.rows = append(s.rows, e)
	}
	return "stored"
}

// fault is what is wrong with every invalid event.
var fault = map[string]any{"field": "payload", "code": "injected", "detail": "the test does not like it"}

// tell answers in the form of the contract: what is not stored is listed.
func tell(w http.ResponseWriter, events []Event, statuses []string, alone bool) {
	counts := map[string]int{}
	results, faults := []map[string]any{}, []map[string]any{}
	for i, status := range statuses {
		counts[status]++
		if status == "stored" {
			continue
		}
		result := map[string]any{"index": i, "event_id": events[i].ID, "status": status}
		if status == "invalid" {
			result["errors"] = []map[string]any{fault}
			faults = append(faults, map[string]any{"index": i, "field": fault["field"], "code": fault["code"], "detail": fault["detail"]})
		}
		results = append(results, result)
	}
	invalid := counts["invalid"]
	switch {
	case invalid == len(events):
		refuse(w, http.StatusUnprocessableEntity, "no event is valid", faults...)
	case alone:
		answer(w, http.StatusOK, map[string]any{"status": statuses[0], "event_id": events[0].ID, "topic": events[0].Topic})
	default:
		code := http.StatusOK
		if invalid > 0 {
			code = http.StatusMultiStatus
		}
		answer(w, code, map[string]any{
			"received": len(events), "stored": counts["stored"],
			"duplicates": counts["duplicate"], "invalid": invalid, "results": results,
		})
	}
}

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(v) // a client that went away is its own affair
}

func refuse(w http.ResponseWriter, code int, detail string, faults ...map[string]any) {
	w.Header().Set("X-Request-Id", "test-1")
	document := map[string]any{"type": "urn:ingot:problem:injected", "title": http.StatusText(code), "status": code, "detail": detail}
	if len(faults) > 0 {
		document["errors"] = faults
	}
	answer(w, code, document)
}
