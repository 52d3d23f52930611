package workload

import (
	"encoding/json"
	"time"

	"ingot/internal/event"
)

// AppendJSON appends e as the object that POST /publish takes. The payload goes
// out verbatim; it must be JSON, and the strings must be UTF-8.
func AppendJSON(dst []byte, e event.Event) []byte {
	dst = appendString(append(dst, `{"event_id":`...), e.ID)
	dst = appendString(append(dst, `,"topic":`...), e.Topic)
	dst = appendString(append(dst, `,"source":`...), e.Source)
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

func appendString(dst []byte, s string) []byte {
	if !plain(s) {
		quoted, _ := json.Marshal(s) // a string cannot fail
		return append(dst, quoted...)
	}
	dst = append(append(dst, '"'), s...)
	return append(dst, '"')
}

// plain reports whether s may stand between quotes as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
