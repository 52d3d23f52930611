package client

import (
	"encoding/json"
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

// finalRefusal is the Refused that an answer makes, whether it is a problem document or not.
func finalRefusal(a answer) *Refused {
	var said struct {
		Type   string
		Oldest string `json:"oldest_cursor"`
	}
	_ = json.Unmarshal(a.body, &said) // what is no problem document has neither
	return &Refused{Status: a.status, Kind: said.Type, Oldest: said.Oldest, Err: problem(a)}
}

// ofIngot tells whether a refusal is one of Ingot's own. What stands in front of Ingot, as a filter or a gateway, knows
// nothing of events.
func ofIngot(a answer) bool { return strings.HasPrefix(finalRefusal(a).Kind, "urn:ingot:problem:") }

// byPostgres tells whether Postgres refused the request for one of its events. Which one it was the answer does not say.
func byPostgres(a answer) bool {
	return finalRefusal(a).Kind == "urn:ingot:problem:refused-by-postgres"
}
