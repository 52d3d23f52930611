package httpapi

import (
	"errors"
	"fmt"
	"slices"

	"github.com/valyala/fasthttp"

	"ingot/internal/event"
)

// resultsShown says which events an answer lists.
type resultsShown int

const (
	showNotStored resultsShown = iota // duplicates and invalid ones
	showAll
	showNone
)

func resultsWanted(uri *fasthttp.URI) (show resultsShown, err error) {
	err = eachParameter(uri, func(name, text string) error {
		switch {
		case name != "results":
			return fmt.Errorf("%s is not a parameter; the only parameter is results", shown(name))
		case text == "all":
			show = showAll
		case text == "none":
			show = showNone
		default:
			return errors.New(`results must be "all" or "none", or left out to list what is not stored`)
		}
		return nil
	})
	return show, err
}

func statusWord(stored bool) string {
	if stored {
		return "stored"
	}
	return "duplicate"
}

func appendSingle(b []byte, e *event.Event, stored bool) []byte {
	b = appendText(append(b, '{'), "status", statusWord(stored))
	b = appendText(b, "event_id", e.ID)
	b = appendText(b, "topic", e.Topic)
	return append(b, '}')
}

func appendResults(b []byte, d *event.Decoded, stored []bool, show resultsShown) []byte {
	n, listed := 0, 0 // listed: about how many bytes the results take
	for i, s := range stored {
		if s {
			n++
		}
		if show == showAll || !s && show == showNotStored {
			listed += answerBytes + len(d.Events[i].ID)
		}
	}
	b = slices.Grow(b, listed)
	b = appendNumber(append(b, '{'), "received", d.Total)
	b = appendNumber(b, "stored", n)
	b = appendNumber(b, "duplicates", len(stored)-n)
	b = appendNumber(b, "invalid", len(d.Invalid))
	b = append(appendName(b, "results"), '[')
	if show != showNone {
		b = appendList(b, d, stored, show)
	}
	return append(b, "]}"...)
}

// appendList goes through the body: what stood at a place is the next invalid event, if that has its index, or the next
// valid one.
func appendList(b []byte, d *event.Decoded, stored []bool, show resultsShown) []byte {
	invalid := 0 // passed
	for index := range d.Total {
		if invalid < len(d.Invalid) && d.Invalid[invalid].Index == index {
			b = appendInvalid(appendNext(b), &d.Invalid[invalid])
			invalid++
		} else if i := index - invalid; !stored[i] || show == showAll {
			b = append(appendResult(appendNext(b), index, d.Events[i].ID, statusWord(stored[i])), '}')
		}
	}
	return b
}

// appendResult begins the object of an event's result, and leaves it open.
func appendResult(b []byte, index int, id, status string) []byte {
	b = appendNumber(append(b, '{'), "index", index)
	if id != "" {
		b = appendText(b, "event_id", id)
	}
	return appendText(b, "status", status)
}

func appendInvalid(b []byte, inv *event.Invalid) []byte {
	b = appendResult(b, inv.Index, inv.EventID, "invalid")
	if inv.Errors == nil { // Decode explains only the first
		return append(b, '}')
	}
	b = append(appendName(b, "errors"), '[')
	for _, e := range inv.Errors {
		b = appendFieldError(append(appendNext(b), '{'), e)
	}
	return append(b, "]}"...)
}

// appendFieldError appends an error to an object that was begun, and closes that object.
func appendFieldError(b []byte, e event.FieldError) []byte {
	b = appendText(b, "field", e.Field)
	b = appendText(b, "code", string(e.Code))
	b = appendText(b, "detail", e.Detail)
	return append(b, '}')
}
