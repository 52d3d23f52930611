package event

import (
	"cmp"
	"fmt"
	"slices"
)

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

// Confine moves the events whose topic the scope does not have to the invalid ones.
func (d *Decoded) Confine(s *Scope) {
	if s == nil {
		return
	}
	var topic string // of the event before: most have the same
	var wrong []FieldError
	allowed, outside := true, 0
	kept, before, invalid := 0, 0, len(d.Invalid) // before: how many that were invalid already stood before the event
	for i := range d.Events {
		for before < invalid && d.Invalid[before].Index <= i+before {
			before++
		}
		e := &d.Events[i]
		if e.Topic != topic {
			topic, allowed, wrong = e.Topic, s.Has(e.Topic), nil
		}
		switch {
		case !allowed:
			if outside++; wrong == nil && outside <= MaxExplained { // the errors of any other are taken away below
				wrong = s.wrong(topic)
			}
			d.Invalid = append(d.Invalid, Invalid{Index: i + before, EventID: e.ID, Errors: wrong})
			continue
		case kept < i:
			d.Events[kept] = *e
		}
		kept++
	}
	d.Events = d.Events[:kept]
	if len(d.Invalid) > invalid {
		slices.SortFunc(d.Invalid, func(a, b Invalid) int { return cmp.Compare(a.Index, b.Index) })
		for i := MaxExplained; i < len(d.Invalid); i++ {
			d.Invalid[i].Errors = nil
		}
	}
}

// wrong is what is wrong with an event of a topic that the scope does not have.
func (s *Scope) wrong(topic string) []FieldError {
	detail := fmt.Sprintf("topic is %s, and this key may publish only %s (topics= in its line of the --keys-file)", quote(topic), quote(s.String()))
	return []FieldError{{Field: memberTopic.String(), Code: CodeTopicNotAllowed, Detail: detail}}
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
