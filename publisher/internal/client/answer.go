package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"ingot/internal/event"
)

// errNotSettled marks an answer that says nothing about single events.
var errNotSettled = errors.New("not settled")

// settled is what became of each event.
type settled struct {
	statuses []Status // nil: the answer contradicts what was sent
	faults   map[int][]Fault
}

// settle reads what became of each event. It returns errNotSettled when the
// answer does not tell; statuses and an error when events are invalid; and no
// statuses when the answer contradicts what was sent.
func settle(a answer, events []event.Event) (settled, error) {
	switch {
	case a.err != nil:
		return settled{}, errNotSettled
	case a.status == http.StatusUnprocessableEntity:
		if p := problemOf(a); p.ofIngot() {
			faults := p.faults(len(events))
			return settled{slices.Repeat([]Status{Invalid}, len(events)), faults}, because(p.err, faults[0])
		}
		return settled{}, errNotSettled
	case a.status != http.StatusOK && a.status != http.StatusMultiStatus:
		return settled{}, errNotSettled
	}
	var s said
	if err := json.Unmarshal(a.body, &s); err != nil {
		return settled{}, fmt.Errorf("read answer %d: %w", a.status, err)
	}
	if s.Status != "" && len(events) == 1 {
		return s.single(events[0])
	}
	return s.batch(events)
}

// said is the body of a 200 or 207: the form for one event, or that for several.
type said struct {
	item
	Topic      string `json:"topic"`
	Received   int    `json:"received"`
	Stored     int    `json:"stored"`
	Duplicates int    `json:"duplicates"`
	Invalid    int    `json:"invalid"`
	Results    []item `json:"results"`
}

type item struct {
	Index   int     `json:"index"`
	EventID string  `json:"event_id"`
	Status  string  `json:"status"`
	Errors  []Fault `json:"errors"`
}

func (s said) single(e event.Event) (settled, error) {
	status, ok := statusOf[s.Status]
	if !ok || s.EventID != e.ID || s.Topic != e.Topic {
		return settled{}, fmt.Errorf("answer says %q of event %q on %q, but %q on %q was sent", s.Status, s.EventID, s.Topic, e.ID, e.Topic)
	}
	return settled{statuses: []Status{status}}, nil
}

// batch starts from "all stored", because results lists only the others.
func (s said) batch(events []event.Event) (settled, error) {
	statuses, faults := slices.Repeat([]Status{Stored}, len(events)), map[int][]Fault{}
	var err error
	for _, r := range s.Results {
		status, ok := statusOf[r.Status]
		if !ok || r.Index < 0 || r.Index >= len(events) || named(r, status) && r.EventID != events[r.Index].ID {
			return settled{}, fmt.Errorf("answer says %q of event %d, %q: no such event was sent", r.Status, r.Index, r.EventID)
		}
		statuses[r.Index] = status
		if status == Invalid {
			faults[r.Index] = r.Errors
			err = because(fmt.Errorf("event %q is invalid", events[r.Index].ID), r.Errors)
		}
	}
	if sum := count(statuses); s.Received != len(events) || sum != s.counts() {
		return settled{}, fmt.Errorf("answer counts %+v of %d events, but its results are %+v of %d", s.counts(), s.Received, sum, len(events))
	}
	return settled{statuses, faults}, err
}

// because adds what is wrong with an event.
func because(err error, faults []Fault) error {
	if len(faults) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", err, InWords(faults))
}

// named reports whether the answer must name the event: an event may be invalid because it has no id.
func named(r item, s Status) bool { return s != Invalid || r.EventID != "" }

type counts struct{ stored, duplicates, invalid int }

func (s said) counts() counts { return counts{s.Stored, s.Duplicates, s.Invalid} }

func count(statuses []Status) (c counts) {
	for _, s := range statuses {
		switch s {
		case Stored:
			c.stored++
		case Duplicate:
			c.duplicates++
		case Invalid:
			c.invalid++
		}
	}
	return c
}

// statusOf has the words of the contract.
var statusOf = map[string]Status{"stored": Stored, "duplicate": Duplicate, "invalid": Invalid}
