package workload

import (
	"time"

	"ingot/internal/event"
)

// AppendJSON appends e as the object that POST /publish takes. The payload goes
// out verbatim; it must be JSON, and the strings must be UTF-8.
func AppendJSON(dst []byte, e event.Event) []byte {
	dst = event.AppendQuoted(append(dst, `{"event_id":`...), e.ID)
	dst = event.AppendQuoted(append(dst, `,"topic":`...), e.Topic)
	dst = event.AppendQuoted(append(dst, `,"source":`...), e.Source)
	dst = append(dst, `,"timestamp":"`...)
	dst = e.Timestamp.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","payload":`...)
	dst = append(dst, e.Payload...)
	return append(dst, '}')
}

// AppendArray appends events as the array that POST /publish takes.
func AppendArray(dst []byte, events []event.Event) []byte {
	dst = append(dst, '[')
	for i, e := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = AppendJSON(dst, e)
	}
	return append(dst, ']')
}
