package audit

import (
	"fmt"
	"strings"

	"ingot/internal/workload"
	"ingot/publisher/internal/client"
)

// Remade is Events that can be made again, byte for byte: nothing is kept of them.
type Remade struct{ workload.Generator }

// Key implements Events.
func (r Remade) Key(i int) (id, topic string) {
	e := r.Event(i)
	return e.ID, e.Topic
}

// Diff implements Events. The payload must be the same bytes, the timestamp only the same instant.
func (r Remade) Diff(i int, row client.Row) string {
	e, diff := r.Event(i), []string(nil)
	if row.Source != e.Source {
		diff = append(diff, fmt.Sprintf("source is %q, but %q was sent", row.Source, e.Source))
	}
	if !row.Timestamp.Equal(e.Timestamp) {
		diff = append(diff, fmt.Sprintf("timestamp is %v, but %v was sent", row.Timestamp, e.Timestamp))
	}
	if string(row.Payload) != e.Payload {
		diff = append(diff, fmt.Sprintf("payload is %.400s, but %.400s was sent", row.Payload, e.Payload))
	}
	return strings.Join(diff, "; ")
}
