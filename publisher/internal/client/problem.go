package client

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Refused is a final answer: the same request would be answered so again.
type Refused struct {
	Status int
	Kind   string // the type of a problem document, "urn:ingot:problem:.."; "" if it is none
	Oldest string // of a 410: where the feed can be followed from instead
	Err    error  // what the server says
}

func (r *Refused) Error() string { return r.Err.Error() }
func (r *Refused) Unwrap() error { return r.Err }

// OtherTopics tells whether the key has the right, but not for all topics that were asked for.
func (r *Refused) OtherTopics() bool { return r.Kind == "urn:ingot:problem:no-topic" }

// Fault is what the server finds wrong with one field of an invalid event.
type Fault struct {
	Field  string `json:"field"`
	Code   string `json:"code"`   // stable, as "unknown_field"
	Detail string `json:"detail"` // a sentence for people
}

func (f Fault) String() string {
	return strings.TrimRight(fmt.Sprintf("%q: %s: %s", f.Field, f.Code, f.Detail), ": ")
}

// InWords joins the faults of an event.
func InWords(faults []Fault) string {
	var all []string
	for _, f := range faults {
		all = append(all, f.String())
	}
	return strings.Join(all, "; ")
}

// problem is an RFC 9457 document; all is empty of an answer that is none.
type problem struct {
	Kind   string `json:"type"`
	Title  string
	Detail string
	Oldest string `json:"oldest_cursor"`
	Errors json.RawMessage
	err    error // all of it, or whatever came in its place, in one line
}

func problemOf(a answer) (p problem) {
	if json.Unmarshal(a.body, &p) != nil {
		p.Title, p.Detail = "", "" // another's document, which has something else by these names
	}
	says := p.Title + ": " + p.Detail
	if says == ": " {
		says = strings.Join(strings.Fields(string(a.body[:min(len(a.body), 200)])), " ")
	}
	text := strings.Trim(says, ": ")
	if text == "" {
		text = http.StatusText(a.status)
	}
	if id := a.header.Get("X-Request-Id"); id != "" {
		text += " (request " + id + ")"
	}
	p.err = fmt.Errorf("%d %s", a.status, text)
	return p
}

// ofIngot tells whether the answer is one of Ingot's own. What stands in front of Ingot, as a filter or a gateway, knows
// nothing of events.
func (p problem) ofIngot() bool { return strings.HasPrefix(p.Kind, "urn:ingot:problem:") }

// byPostgres tells whether Postgres refused the request for one of its events. Which one it was the answer does not say.
func (p problem) byPostgres() bool { return p.Kind == "urn:ingot:problem:refused-by-postgres" }

// ofTheBody tells whether a 400 is about the body, so that other events may not get it. Any other 400 is for whoever
// asks in this way: without TLS where TLS is spoken, or something that is no Ingot.
func (p problem) ofTheBody() bool {
	return slices.Contains([]string{"urn:ingot:problem:not-json", "urn:ingot:problem:not-events", "urn:ingot:problem:not-decompressed"}, p.Kind)
}

// faults is what is wrong with each of so many events, by its index. A document without a list says nothing about
// single events.
func (p problem) faults(events int) map[int][]Fault {
	var said []struct {
		Index int
		Fault
	}
	if json.Unmarshal(p.Errors, &said) != nil {
		return nil
	}
	faults := map[int][]Fault{}
	for _, e := range said {
		if e.Index >= 0 && e.Index < events {
			faults[e.Index] = append(faults[e.Index], e.Fault)
		}
	}
	return faults
}
