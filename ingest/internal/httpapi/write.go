package httpapi

import (
	"bytes"
	"fmt"
	"time"

	"ingot/internal/event"
)

// timeLayout writes UTC with as many digits of a second as there are.
const timeLayout = "2006-01-02T15:04:05.999999Z07:00"

func appendPage(b []byte, page event.Page) []byte {
	b = append(b, `{"events":[`...)
	for i := range page.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendEvent(b, &page.Events[i])
	}
	b = append(b, `],"next_cursor":`...)
	if page.Next == "" {
		b = append(b, "null"...)
	} else {
		b = event.AppendQuoted(b, page.Next)
	}
	return append(b, '}')
}

// appendEvent writes an event with its payload as it was sent.
func appendEvent(b []byte, e *event.Stored) []byte {
	b = appendEnvelope(b, e)
	b = append(b, `,"received_at":"`...)
	b = e.ReceivedAt.AppendFormat(b, timeLayout)
	b = append(b, `","payload":`...)
	b = append(b, e.Payload...)
	return append(b, '}')
}

// appendLine writes an event with the five members that were sent, in one line. Line breaks in the payload become
// blanks, which changes no value: JSON has line breaks only between tokens.
func appendLine(b []byte, e *event.Stored) []byte {
	b = appendEnvelope(b, e)
	b = append(b, `,"payload":`...)
	start := len(b)
	b = append(b, e.Payload...)
	for i := bytes.IndexAny(b[start:], "\r\n"); i >= 0; i = bytes.IndexAny(b[start:], "\r\n") {
		start += i
		b[start] = ' '
	}
	return append(b, "}\n"...)
}

// appendEnvelope begins an event: all that was sent but the payload.
func appendEnvelope(b []byte, e *event.Stored) []byte {
	b = append(b, `{"event_id":`...)
	b = event.AppendQuoted(b, e.Event.ID)
	b = append(b, `,"topic":`...)
	b = event.AppendQuoted(b, e.Topic)
	b = append(b, `,"source":`...)
	b = event.AppendQuoted(b, e.Source)
	b = append(b, `,"timestamp":"`...)
	b = e.Timestamp.AppendFormat(b, timeLayout)
	return append(b, '"')
}

func appendSubscription(b []byte, sub *event.Subscription) []byte {
	b = append(b, `{"name":`...)
	b = event.AppendQuoted(b, sub.Name)
	b = append(b, `,"after":`...)
	b = event.AppendQuoted(b, sub.After)
	b = append(b, `,"topics":[`...)
	for i, topic := range sub.Topics {
		if i > 0 {
			b = append(b, ',')
		}
		b = event.AppendQuoted(b, topic)
	}
	b = append(b, `],"source":`...)
	if sub.Source == "" {
		b = append(b, "null"...)
	} else {
		b = event.AppendQuoted(b, sub.Source)
	}
	b = append(b, `,"cursor":`...)
	b = event.AppendQuoted(b, sub.At.Cursor())
	b = append(b, `,"committed_at":`...)
	if sub.Committed.IsZero() {
		b = append(b, "null"...)
	} else {
		b = append(b, '"')
		b = sub.Committed.AppendFormat(b, timeLayout)
		b = append(b, '"')
	}
	b = fmt.Appendf(b, `,"lag_events":%d,"lag_seconds":%.3f`, sub.LagEvents, sub.Lag.Round(time.Millisecond).Seconds())
	return append(b, '}')
}
