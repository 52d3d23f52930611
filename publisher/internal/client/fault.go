package client

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Fault is what the server finds wrong with one field of an invalid event.
type Fault struct {
	Field  string `json:"field"`
	Code   string `json:"code"`   // stable, as "unknown_field"
	Detail string `json:"detail"` // a sentence for people
}

func (f Fault) String() string {
	return strings.TrimRight(fmt.Sprintf("%q: %s: %s", f.Field, f.Code, f.Detail), ": ")
}

// faultsOf reads the list of a 422, by the index of the event. A document without
// one says nothing about single events.
func faultsOf(a answer, events int) map[int][]Fault {
	var said struct {
		Errors []struct {
			Index int
			Fault
		}
	}
	if json.Unmarshal(a.body, &said) != nil {
		return nil
	}
	faults := map[int][]Fault{}
	for _, e := range said.Errors {
		if e.Index >= 0 && e.Index < events {
			faults[e.Index] = append(faults[e.Index], e.Fault)
		}
	}
	return faults
}
