package httpapi

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

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

// resultsWanted reads which events the answer is to list.
func resultsWanted(uri *fasthttp.URI) (show resultsShown, err error) {
	err = eachParameter(uri, func(name, text string) error {
		switch {
		case name != "results":
			return fmt.Errorf("%s is not a parameter; known is results", shown(name))
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

// appendSingle is the answer to one event object.
func appendSingle(b []byte, e *event.Event, stored bool) []byte {
	b = append(b, `{"status":"`...)
	b = append(b, statusWord(stored)...)
	b = append(b, `","event_id":`...)
	b = event.AppendQuoted(b, e.ID)
	b = append(b, `,"topic":`...)
	b = event.AppendQuoted(b, e.Topic)
	return append(b, '}')
}

// listedInvalid is how many invalid events an answer explains, with at most 8 errors each. Of the others it only
// says that they are invalid. A guess: nobody reads more before fixing the first.
const listedInvalid = 100

// appendResults is the answer to a list of events. Events and invalid ones are
// merged back into the order of the body.
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
	b = appendCount(append(b, '{'), "received", d.Total)
	b = appendCount(append(b, ','), "stored", n)
	b = appendCount(append(b, ','), "duplicates", len(stored)-n)
	b = appendCount(append(b, ','), "invalid", len(d.Invalid))
	b = append(b, `,"results":[`...)
	if show != showNone {
		b = appendList(b, d, stored, show)
	}
	return append(b, "]}"...)
}

func appendList(b []byte, d *event.Decoded, stored []bool, show resultsShown) []byte {
	first := true
	comma := func() {
		if !first {
			b = append(b, ',')
		}
		first = false
	}
	told := 0 // of the invalid ones
	tellInvalid := func(before int) {
		for ; told < len(d.Invalid) && d.Invalid[told].Index < before; told++ {
			comma()
			b = appendInvalid(b, &d.Invalid[told], told < listedInvalid)
		}
	}
	for i := range stored {
		tellInvalid(d.Position(i))
		if stored[i] && show != showAll {
			continue
		}
		comma()
		b = appendResult(b, d.Position(i), d.Events[i].ID, statusWord(stored[i]))
		b = append(b, '}')
	}
	tellInvalid(d.Total)
	return b
}

// appendResult begins the object of an event's result, and leaves it open.
func appendResult(b []byte, index int, id, status string) []byte {
	b = appendCount(append(b, '{'), "index", index)
	if id != "" {
		b = append(b, `,"event_id":`...)
		b = event.AppendQuoted(b, id)
	}
	b = append(b, `,"status":"`...)
	b = append(b, status...)
	return append(b, '"')
}

func appendInvalid(b []byte, inv *event.Invalid, explained bool) []byte {
	b = appendResult(b, inv.Index, inv.EventID, "invalid")
	if !explained {
		return append(b, '}')
	}
	b = append(b, `,"errors":[`...)
	for i, e := range inv.Errors {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendFieldError(append(b, '{'), e)
	}
	return append(b, "]}"...)
}

// appendFieldError appends an error to an object that was begun, and closes that object.
func appendFieldError(b []byte, e event.FieldError) []byte {
	b = append(b, `"field":`...)
	b = event.AppendQuoted(b, e.Field)
	b = append(b, `,"code":`...)
	b = event.AppendQuoted(b, string(e.Code))
	b = append(b, `,"detail":`...)
	b = event.AppendQuoted(b, e.Detail)
	return append(b, '}')
}

func appendCount(b []byte, name string, n int) []byte {
	b = append(b, '"')
	b = append(b, name...)
	b = append(b, `":`...)
	return strconv.AppendInt(b, int64(n), 10)
}
