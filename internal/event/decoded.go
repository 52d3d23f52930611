package event

import "fmt"

// Format is the framing of a body.
type Format int

const (
	JSON   Format = iota // one object, an array, or {"events":[..]}
	NDJSON               // one object a line; blank lines do not count
)

// Decoded is what a body held. Len(Events) + Len(Invalid) == Total.
type Decoded struct {
	Single  bool // the body was one event object, not a list of one
	Total   int
	Events  []Event
	Invalid []Invalid // by Index: all other places of the body are those of Events, in their order
}

// Position tells where in the body Events[i] stood.
func (d *Decoded) Position(i int) int {
	for _, inv := range d.Invalid {
		if inv.Index > i {
			break
		}
		i++
	}
	return i
}

// SyntaxError says that a body as a whole does not parse as the format it was sent as, or is empty.
type SyntaxError struct {
	Offset int // in bytes, from 0
	Detail string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("at byte %d: %s", e.Offset, e.Detail)
}

// ShapeError says that a JSON body parses, and is neither an event nor a list of them.
type ShapeError struct{ Detail string }

func (e *ShapeError) Error() string { return e.Detail }

// TooManyError says that a body holds more than Limits.MaxEvents events.
type TooManyError struct{ Max int }

func (e *TooManyError) Error() string {
	return fmt.Sprintf("more than %d events in one request", e.Max)
}
