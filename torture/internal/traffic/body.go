package traffic

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"ingot/torture/internal/oracle"
)

// epoch is the timestamp of attempt 0; each attempt is a microsecond later.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Print is what a row keeps of an event beside its key, in one number.
func Print(source string, timestamp time.Time, payload []byte) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s %d ", source, timestamp.UnixMicro())
	_, _ = h.Write(payload)
	return h.Sum64()
}

// Sending is one HTTP request, ready to go.
type Sending struct {
	Bytes  []byte // head and body
	Events []oracle.Event
}

// Sending writes the request so that its events are the attempts from number first
// on. source is the client's name.
func (r *Request) Sending(first int, source string) Sending {
	s := Sending{Events: make([]oracle.Event, len(r.Events))}
	var b bytes.Buffer
	open, between, end := forms[r.Form][0], forms[r.Form][1], forms[r.Form][2]
	b.WriteString(open)
	for i := range r.Events {
		if i > 0 {
			b.WriteString(between)
		}
		s.Events[i] = r.Events[i].write(&b, first+i, source)
	}
	b.WriteString(end)
	body := b.Bytes()
	if r.Spoil == CutShort {
		body = body[:len(body)-1]
	}
	s.Bytes = append(r.head(&body), body...)
	return s
}

// forms is what stands before, between and behind the events.
var forms = map[Form][3]string{
	Single: {"", "", ""}, Array: {"[", ",", "]"}, Wrapped: {`{"events":[`, ", ", "]}"}, NDJSON: {"", "\n", "\n"},
}

// head writes the head of the request. It compresses the body if the request asks for gzip.
func (r *Request) head(body *[]byte) []byte {
	kind, coding := "application/json", ""
	if r.Form == NDJSON {
		kind = "application/x-ndjson"
	}
	switch {
	case r.Spoil == WrongType:
		kind = "text/html"
	case r.Spoil == WrongCoded:
		coding = "br"
	case r.Spoil == NotGzip:
		coding = "gzip"
	case r.Gzip:
		coding, *body = "gzip", zipped(*body)
	}
	query := ""
	if r.All {
		query = "?results=all"
	}
	head := fmt.Appendf(nil, "POST /publish%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n", query, kind, len(*body))
	if coding != "" {
		head = fmt.Appendf(head, "Content-Encoding: %s\r\n", coding)
	}
	return append(head, "\r\n"...)
}

func zipped(body []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}

// write writes one attempt at an event.
func (e *Event) write(b *bytes.Buffer, attempt int, source string) oracle.Event {
	if e.Bad == BadRaw {
		b.WriteString(e.Raw)
		return oracle.Event{Key: e.Key}
	}
	timestamp := epoch.Add(time.Duration(attempt) * time.Microsecond)
	payload := e.payload(attempt)
	id, topic := quoted(e.Key.ID), quoted(e.Key.Topic)
	switch e.Bad {
	case BadUTF8:
		id = append(id[:len(id)-1], 0xff, '"')
	case BadSurrogate:
		id = append(id[:len(id)-1], `\ud800"`...)
	case BadNUL:
		payload = []byte(`{"nul":"\u0000"}`)
	case BadEmpty:
		topic = []byte(`""`)
	case BadUnknownName:
		topic = append(topic, `,"subject":1`...)
	}
	fmt.Fprintf(b, `{"event_id":%s,"topic":%s,"source":%q,"timestamp":"%s","payload":%s}`, id, topic, source, timestamp.Format(time.RFC3339Nano), payload)
	return oracle.Event{Key: e.Key, Print: Print(source, timestamp, payload)}
}

// payload is a payload that is different for each attempt from its first bytes to its last. It holds what a careless
// copy would change: spaces, escapes, the digits of a number.
func (e *Event) payload(attempt int) []byte {
	b := fmt.Appendf(nil, `{"attempt":%d, "n":1.50e+1,"s":"\u00e9é\/","filler":"`, attempt)
	letters := strconv.AppendInt(nil, int64(attempt)*2654435761, 36)
	for n := e.Filler; n > 0; n -= len(letters) {
		b = append(b, letters...)
	}
	return append(b, `"}`...)
}

func quoted(s string) []byte {
	b, _ := json.Marshal(s)
	return b
}
