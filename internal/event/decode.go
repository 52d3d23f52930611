package event

import (
	"fmt"
	"slices"
	"strings"
)

// Decode reads all events of a body. The events share memory with the body.
//
// An error refuses the whole body, and nothing of it may be stored: *SyntaxError when the body is empty or
// does not parse as JSON, *ShapeError when it is JSON but neither an event nor a list of events, *TooManyError
// when it holds more than Limits.MaxEvents. What is wrong with a single event (such as an NDJSON line that does
// not parse) stands in Decoded.Invalid and concerns no other event.
func Decode(body string, format Format, limits Limits) (Decoded, error) {
	return DecodeInto(nil, body, format, limits)
}

// DecodeInto is Decode with room for the first events, as many as its capacity has. What stands there is overwritten.
func DecodeInto(room []Event, body string, format Format, limits Limits) (Decoded, error) {
	d := decoder{src: body, format: format, limits: limits}
	d.out.Events = room[:0]
	var err error
	if format == NDJSON {
		err = d.lines()
	} else {
		err = d.document()
	}
	if err != nil {
		return Decoded{}, err
	}
	return d.out, nil
}

// decoder holds the state of one Decode. A scanning method takes the position in src at which it reads, and
// returns the position behind what it has read. If it fails it sets d.err and returns stop (-1).
type decoder struct {
	src    string // the body, or a line of it
	format Format
	limits Limits
	out    Decoded
	err    error

	event  eventState
	flaw   flaw     // first thing Postgres would reject in the value being read
	escape bool     // the string read last holds a backslash
	open   brackets // that are open in the value being read
}

// stop is returned by scanning methods in place of a position.
const stop = -1

func (d *decoder) fail(at int, format string, args ...any) int {
	d.err = &SyntaxError{Offset: at, Detail: fmt.Sprintf(format, args...)}
	return stop
}

func (d *decoder) misshapen(detail string) int {
	d.err = &ShapeError{Detail: detail}
	return stop
}

// document reads a JSON body.
func (d *decoder) document() error {
	i := d.space(0)
	if i == len(d.src) {
		return &SyntaxError{Offset: i, Detail: "the body is empty; expected an event object, an array of them, or {\"events\":[..]}"}
	}
	switch d.src[i] {
	case '{':
		i = d.object(i)
	case '[':
		i = d.array(i)
	default:
		i = d.fail(i, "expected an event object, an array of them, or {\"events\":[..]}, found %s", d.found(i))
	}
	if i == stop {
		return d.err
	}
	if i = d.space(i); i < len(d.src) {
		d.fail(i, "expected the end of the body, found %s (several objects in one body need Content-Type: application/x-ndjson)", d.found(i))
		return d.err
	}
	return nil
}

// object reads a body that is one object: an event, or {"events":[..]}. Only a
// member called events tells them apart, wherever it stands.
func (d *decoder) object(i int) int {
	end := d.oneEvent(i)
	if end == stop {
		return stop
	}
	if !d.event.wrapper {
		d.out.Single = true
		d.settle(0, 0)
		return end
	}
	return d.wrapper(i)
}

// wrapper reads {"events":[..]}.
func (d *decoder) wrapper(i int) int {
	seen := false
	return d.members(i, func(key string, i int) int {
		if key != "events" {
			if d.limits.IgnoreUnknown {
				return d.value(i)
			}
			return d.misshapen(fmt.Sprintf("%s is not allowed beside \"events\"; leave it out (the server can ignore it with --unknown-fields=ignore)", quote(key)))
		}
		if seen {
			return d.misshapen("\"events\" is given twice")
		}
		seen = true
		if d.at(i) != '[' {
			return d.misshapen("\"events\" must be an array of event objects, found " + d.found(i))
		}
		return d.array(i)
	})
}

// array reads a list of events whose opening bracket stands at d.src[i].
func (d *decoder) array(i int) int {
	start := i
	i = d.space(i + 1)
	if d.at(i) == ']' {
		return i + 1
	}
	for {
		if d.out.Total == d.limits.MaxEvents {
			d.err = &TooManyError{Max: d.limits.MaxEvents}
			return stop
		}
		if i = d.oneEvent(i); i == stop {
			return stop
		}
		d.settle(i-start, len(d.src)-i)
		i = d.space(i)
		switch d.at(i) {
		case ',':
			i = d.space(i + 1)
		case ']':
			return i + 1
		default:
			return d.fail(i, "expected ',' or ']' after event %d, found %s", d.out.Total-1, d.found(i))
		}
	}
}

// lines reads an NDJSON body. A line that does not parse is one invalid event.
func (d *decoder) lines() error {
	body := d.src
	for rest := body; rest != ""; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		d.src = line
		i := d.space(0)
		if i == len(line) {
			continue
		}
		if d.out.Total == d.limits.MaxEvents {
			return &TooManyError{Max: d.limits.MaxEvents}
		}
		d.line(i)
		d.settle(len(body)-len(rest), len(rest))
	}
	if d.out.Total == 0 {
		return &SyntaxError{Detail: "the body is empty; expected one event object per line"}
	}
	return nil
}

func (d *decoder) line(i int) {
	end := d.oneEvent(i)
	if end != stop {
		if end = d.space(end); end < len(d.src) {
			end = d.fail(end, "expected the end of the line, found %s", d.found(end))
		}
	}
	if end == stop {
		d.event = eventState{}
		d.event.refuse("", CodeSyntax, d.err.Error())
	}
}

// settle puts the event just read where it belongs: Events or Invalid. read is how many bytes the list has taken so
// far, left how many the body still has.
func (d *decoder) settle(read, left int) {
	at := d.out.Total
	d.out.Total++
	e := &d.event
	if len(e.errors) > 0 {
		if len(d.out.Invalid) >= MaxExplained {
			e.errors = nil
		}
		d.out.Invalid = append(d.out.Invalid, Invalid{Index: at, EventID: e.ID, Errors: e.errors})
		return
	}
	d.reserve(read, left)
	d.out.Events = append(d.out.Events, e.Event)
}

// smallestEvent is how many bytes the shortest valid event takes in a list. The struct Event is about as large, so
// Decoded.Events never takes much more memory than the body, whatever the body holds.
const smallestEvent = len(`{"event_id":"e","topic":"t","source":"s","timestamp":"2006-01-02T15:04:05","payload":0},`)

// reserve makes room for the event just read. When the slice is full it also makes room for all events that the rest of
// the body can hold if they are as large as those so far: growing by doubling would copy each event once more.
func (d *decoder) reserve(read, left int) {
	if len(d.out.Events) < cap(d.out.Events) {
		return
	}
	each := max(read/d.out.Total+1, smallestEvent) // a list such as 0,0,0 has smaller items, none of them valid
	d.out.Events = slices.Grow(d.out.Events, 1+min(left/each, d.limits.MaxEvents-d.out.Total))
}
