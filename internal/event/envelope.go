package event

import (
	"fmt"
	"slices"
)

// The members of an event, in the order in which missing ones are reported.
type member int

const (
	memberID member = iota
	memberTopic
	memberSource
	memberTimestamp
	memberPayload
	members // how many there are
)

var memberNames = [members]string{"event_id", "topic", "source", "timestamp", "payload"}

func (m member) String() string { return memberNames[m] }

func memberOf(key string) (m member, known bool) {
	at := slices.Index(memberNames[:], key)
	return member(at), at >= 0
}

// eventState is the event being read and what was found wrong with it.
type eventState struct {
	Event
	seen    [members]bool
	wrapper bool // a member called events was met
	errors  []FieldError
}

// full tells that whatever else is wrong with the event is not kept: those who would have to put it into words for each
// member of a body, of which there may be millions, ask first.
func (e *eventState) full() bool { return len(e.errors) == maxErrorsPerEvent }

func (e *eventState) refuse(field string, code Code, detail string) {
	if !e.full() {
		e.errors = append(e.errors, FieldError{Field: field, Code: code, Detail: detail})
	}
}

// oneEvent reads the value at i as an event into d.event. It stops only where the JSON is broken; a broken
// rule of an event is collected in d.event.errors, and reading goes on.
func (d *decoder) oneEvent(i int) int {
	d.event = eventState{}
	if d.at(i) != '{' {
		end := d.value(i)
		if end != stop {
			d.event.refuse("", CodeNotObject, "an event must be a JSON object, found "+d.found(i))
		}
		return end
	}
	i = d.members(i, d.member)
	if i == stop {
		return stop
	}
	for m := range members {
		if !d.event.seen[m] {
			d.event.refuse(m.String(), CodeMissing, m.String()+" is missing; every event needs event_id, topic, source, timestamp and payload")
		}
	}
	return i
}

// members walks an object from its brace and calls visit with each name and the
// position of its value. visit returns the position behind the value.
func (d *decoder) members(i int, visit func(key string, i int) int) int {
	i = d.space(i + 1)
	if d.at(i) == '}' {
		return i + 1
	}
	for {
		at, end := i, d.name(i)
		if end == stop {
			return stop
		}
		key := d.text(at, end)
		if i = d.colon(end); i == stop {
			return stop
		}
		if i = visit(key, i); i == stop {
			return stop
		}
		i = d.space(i)
		switch d.at(i) {
		case ',':
			i = d.space(i + 1)
		case '}':
			return i + 1
		default:
			return d.fail(i, "expected ',' or '}' after the member %s, found %s", quote(key), d.found(i))
		}
	}
}

// name reads the name of a member.
func (d *decoder) name(i int) int {
	if d.at(i) != '"' {
		return d.fail(i, "expected a name in double quotes, found %s", d.found(i))
	}
	return d.str(i)
}

// colon passes over what stands between a name and its value.
func (d *decoder) colon(i int) int {
	i = d.space(i)
	if d.at(i) != ':' {
		return d.fail(i, "expected ':' after a name, found %s", d.found(i))
	}
	return d.space(i + 1)
}

// member reads one value of an event.
func (d *decoder) member(key string, i int) int {
	m, known := memberOf(key)
	if !known {
		return d.unknown(key, i)
	}
	start := i
	d.flaw = flaw{}
	if i = d.value(i); i == stop {
		return stop
	}
	if d.event.seen[m] {
		if !d.event.full() {
			d.event.refuse(key, CodeRepeatedField, key+" is given more than once")
		}
		return i
	}
	d.event.seen[m] = true
	switch m {
	case memberPayload:
		d.payload(start, i)
	case memberTimestamp:
		d.timestamp(start, i)
	case memberID:
		d.event.ID = d.shortText(m, start, i)
	case memberTopic:
		d.event.Topic = d.shortText(m, start, i)
	case memberSource:
		d.event.Source = d.shortText(m, start, i)
	}
	return i
}

func (d *decoder) unknown(key string, i int) int {
	if key == "events" {
		d.event.wrapper = true
	}
	if !d.limits.IgnoreUnknown && !d.event.full() {
		d.event.refuse(printable(key), CodeUnknownField,
			fmt.Sprintf("%s is not a member of an event; the members are event_id, topic, source, timestamp and payload (the server can ignore others with --unknown-fields=ignore)", quote(key)))
	}
	return d.value(i)
}

// payload takes the bytes start..end as they are.
func (d *decoder) payload(start, end int) {
	raw := d.src[start:end]
	if len(raw) > d.limits.MaxPayloadBytes {
		d.event.refuse("payload", CodePayloadTooLarge,
			fmt.Sprintf("payload is %d bytes long; at most %d are allowed (--max-payload)", len(raw), d.limits.MaxPayloadBytes))
		return
	}
	if d.flaw.code != "" {
		d.event.refuse("payload", d.flaw.code, d.sentence("payload", start))
		return
	}
	d.event.Payload = raw
}
