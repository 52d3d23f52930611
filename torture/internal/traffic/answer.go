package traffic

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"ingot/torture/internal/oracle"
)

// Answer is what a response says.
type Answer struct {
	Name  string        // "200", "503 queue-full", ..
	Fates []oracle.Fate // event by event
	Wrong string        // what no response to this request may say; "" is nothing
}

// Settled tells whether the request need not be sent again.
func (r *Request) Settled(a Answer) bool {
	return !slices.Contains(a.Fates, oracle.Unknown) && !strings.HasPrefix(a.Name, "503") && !r.Blamed(a)
}

// Blamed tells whether Postgres refused the data of a request that has no bad event. Only an injected error explains
// that.
func (r *Request) Blamed(a Answer) bool { return a.Name == RefusedByPostgres && r.bad() == 0 }

// RefusedByPostgres is the name of the answer to data that the decoder should have refused.
const RefusedByPostgres = "422 refused-by-postgres"

// Read reads the response to a sending of the request.
func (r *Request) Read(got Response) Answer {
	switch got.Status {
	case 200, 207:
		return r.readResults(got)
	}
	var problem struct{ Type string }
	err := json.Unmarshal(got.Body, &problem)
	kind, ours := strings.CutPrefix(problem.Type, "urn:ingot:problem:")
	a := Answer{Name: fmt.Sprintf("%d %s", got.Status, kind)}
	if err != nil || !ours {
		a.Wrong = fmt.Sprintf("not a problem document: %.200q", got.Body)
	}
	switch got.Status {
	case 400, 413, 415, 422, 503:
		a.Fates = r.all(oracle.Refused)
	default:
		a.Fates = r.all(oracle.Unknown)
	}
	if a.Wrong == "" {
		a.Wrong = r.mayBe(a.Name, got)
	}
	return a
}

func (r *Request) all(f oracle.Fate) []oracle.Fate {
	return slices.Repeat([]oracle.Fate{f}, len(r.Events))
}

// mayBe says why the answer to this request may not be that problem; "" if it may.
func (r *Request) mayBe(name string, got Response) string {
	bad := r.bad()
	switch {
	case got.Status == 503 && got.RetryAfter == "":
		return "503 without Retry-After"
	case got.Status == 503:
		return ""
	case r.Spoil != Unspoilt:
		if name != spoilProblems[r.Spoil] {
			return fmt.Sprintf("told %q, has to be %q", name, spoilProblems[r.Spoil])
		}
		return ""
	case name == "422 invalid-events" && bad == len(r.Events), name == "400 not-json" && r.raw():
		return ""
	case name == "504 outcome-unknown" || name == RefusedByPostgres:
		return ""
	}
	return fmt.Sprintf("told %q, %d of %d events are bad: %.300s", name, bad, len(r.Events), got.Body)
}

func (r *Request) bad() (n int) {
	for _, e := range r.Events {
		if e.Bad != Good {
			n++
		}
	}
	return n
}

// raw tells whether the request has an event that may not even parse.
func (r *Request) raw() bool {
	return slices.ContainsFunc(r.Events, func(e Event) bool { return e.Bad == BadRaw })
}

// results is the answer to a list of events, or, if Status is set, to a single event.
type results struct {
	Status   string
	EventID  string `json:"event_id"`
	Topic    string
	Received int

	Stored, Duplicates, Invalid int

	Results []struct {
		Index  int
		Status string
	}
}

func (r *Request) readResults(got Response) Answer {
	a := Answer{Name: fmt.Sprint(got.Status), Fates: r.all(oracle.Unknown)}
	var told results
	if err := json.Unmarshal(got.Body, &told); err != nil {
		a.Wrong = fmt.Sprintf("%v: %.200q", err, got.Body)
		return a
	}
	statuses := make([]string, len(r.Events))
	switch {
	case r.Form == Single:
		statuses[0] = told.Status
		if k := r.Events[0].Key; told.EventID != k.ID || told.Topic != k.Topic {
			a.Wrong = fmt.Sprintf("an answer about %q %q", told.EventID, told.Topic)
		}
	case told.Received != len(r.Events):
		a.Wrong = fmt.Sprintf("an answer about %d events", told.Received)
	default:
		for _, one := range told.Results {
			if one.Index < 0 || one.Index >= len(statuses) || statuses[one.Index] != "" {
				a.Wrong = fmt.Sprintf("event %d is told %q, and is there no more than once", one.Index, one.Status)
				return a
			}
			statuses[one.Index] = one.Status
		}
	}
	a.read(r, statuses)
	if a.Wrong == "" {
		a.Wrong = a.sums(r, got.Status, told)
	}
	return a
}

// sums says what the status and the counts of an answer say otherwise than its results: 207 is that some events are
// stored and some are not, and a single event has no counts.
func (a *Answer) sums(r *Request, status int, told results) string {
	of := map[oracle.Fate]int{}
	for _, f := range a.Fates {
		of[f]++
	}
	refused := of[oracle.Refused]
	switch {
	case refused == len(r.Events), (status == 207) != (refused > 0):
		return fmt.Sprintf("%d with %d of %d events refused", status, refused, len(r.Events))
	case r.Form == Single:
		return ""
	case told.Stored != of[oracle.Stored], told.Duplicates != of[oracle.Duplicate], told.Invalid != refused:
		return fmt.Sprintf("counts of %d, %d and %d, and the results are %v", told.Stored, told.Duplicates, told.Invalid, a.Fates)
	}
	return ""
}

// read turns the words of an answer into fates. An event that is not listed is stored, unless the request asked for
// the result of every event.
func (a *Answer) read(r *Request, statuses []string) {
	for i, word := range statuses {
		want := "stored or duplicate"
		if r.Events[i].Bad != Good || r.Spoil != Unspoilt {
			want = "invalid"
		}
		switch {
		case word == "stored" || word == "" && !r.All && r.Form != Single:
			a.Fates[i] = oracle.Stored
		case word == "duplicate":
			a.Fates[i] = oracle.Duplicate
		case word == "invalid":
			a.Fates[i] = oracle.Refused
		}
		if bad := want == "invalid"; a.Wrong == "" && (a.Fates[i] == oracle.Unknown || bad != (a.Fates[i] == oracle.Refused)) {
			a.Wrong = fmt.Sprintf("event %d is told %q, has to be %s", i, word, want)
		}
	}
}
