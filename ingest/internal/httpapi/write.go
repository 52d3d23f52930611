package httpapi

import (
	"fmt"
	"strconv"
	"time"

	"ingot/internal/event"
)

// timeLayout writes UTC with as many digits of a second as there are.
const timeLayout = "2006-01-02T15:04:05.999999Z07:00"

func appendPage(b []byte, page event.Page) []byte {
	b = append(b, `{"events":[`...)
	for i := range page.Events {
		b = appendEvent(appendNext(b), &page.Events[i])
	}
	b = appendTextOrNull(append(b, ']'), "next_cursor", page.Next)
	return append(b, '}')
}

// appendEvent writes an event with its payload as it was sent.
func appendEvent(b []byte, e *event.Stored) []byte {
	b = appendEnvelope(b, e)
	b = appendTime(b, "received_at", e.ReceivedAt)
	b = append(appendName(b, "payload"), e.Payload...)
	return append(b, '}')
}

// appendLine writes an event with the five members that were sent, in one line. Line breaks in the payload become
// blanks, which changes no value: JSON has line breaks only between tokens.
func appendLine(b []byte, e *event.Stored) []byte {
	b = appendName(appendEnvelope(b, e), "payload")
	start := len(b)
	b = append(b, e.Payload...)
	for i, c := range b[start:] {
		if c == '\r' || c == '\n' {
			b[start+i] = ' '
		}
	}
	return append(b, "}\n"...)
}

// appendEnvelope begins an event: all that was sent but the payload.
func appendEnvelope(b []byte, e *event.Stored) []byte {
	b = appendText(append(b, '{'), "event_id", e.Event.ID)
	b = appendText(b, "topic", e.Topic)
	b = appendText(b, "source", e.Source)
	return appendTime(b, "timestamp", e.Timestamp)
}

func appendSubscription(b []byte, sub *event.Subscription) []byte {
	b = appendText(append(b, '{'), "name", sub.Name)
	b = appendText(b, "after", sub.After)
	b = append(appendName(b, "topics"), '[')
	for _, topic := range sub.Topics {
		b = event.AppendQuoted(appendNext(b), topic)
	}
	b = appendTextOrNull(append(b, ']'), "source", sub.Source)
	b = appendText(b, "cursor", sub.At.Cursor())
	if sub.Committed.IsZero() {
		b = append(appendName(b, "committed_at"), "null"...)
	} else {
		b = appendTime(b, "committed_at", sub.Committed)
	}
	return fmt.Appendf(b, `,"lag_events":%d,"lag_seconds":%.3f}`, sub.LagEvents, sub.Lag.Round(time.Millisecond).Seconds())
}

// appendNext appends a comma, unless the object or array that b ends with has nothing in it yet.
func appendNext(b []byte) []byte {
	if last := b[len(b)-1]; last == '{' || last == '[' {
		return b
	}
	return append(b, ',')
}

// appendName begins a member of the object that b ends with.
func appendName(b []byte, name string) []byte {
	b = append(appendNext(b), '"')
	b = append(b, name...)
	return append(b, `":`...)
}

func appendText(b []byte, name, text string) []byte {
	return event.AppendQuoted(appendName(b, name), text)
}

// appendTextOrNull appends null for an empty text.
func appendTextOrNull(b []byte, name, text string) []byte {
	if text == "" {
		return append(appendName(b, name), "null"...)
	}
	return appendText(b, name, text)
}

func appendNumber(b []byte, name string, n int) []byte {
	return strconv.AppendInt(appendName(b, name), int64(n), 10)
}

func appendTime(b []byte, name string, t time.Time) []byte {
	b = append(appendName(b, name), '"')
	b = t.AppendFormat(b, timeLayout)
	return append(b, '"')
}
