package record

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"ingot/internal/event"
	"ingot/internal/workload"
	"ingot/publisher/internal/lines"
)

// namespace is that of the ids of lines. It never changes: with another one every
// line replayed before would be new.
var namespace = uuid.MustParse("0b6a4c1e-6f0d-5c3a-9b1e-2d1f5a7c9e40")

// ByteOrderMark is what some programs begin a file in UTF-8 with. It is no part of the first event.
const ByteOrderMark = "\ufeff"

// Origin is where lines come from.
type Origin struct {
	Name      string // the file's base name, a part of each id
	Run       string // of a pipe, which begins with line 1 each time: likewise; "" for a file that has a name
	Topic     string
	Source    string // likewise
	Timestamp time.Time
	Limit     int // bytes of one payload, at least MinLimit
}

// MinLimit is the least Limit: what a piece of a line needs, with room for some text.
const MinLimit = 256

// Record is an event about to be sent.
type Record struct {
	Event event.Event
	JSON  []byte // what is sent
	Sum   Sum    // what must come back
	Exact bool   // Sum is of source and timestamp too, not of the payload alone
	Line  int64
	Part  int // which piece of the line it is, from 1; 0 for all of it

	Base64 bool // the text stands in message_base64
	Size   int  // bytes of the file that the event stands for
}

// Sum is a digest of an event's content.
type Sum [16]byte

var unbroken = strings.NewReplacer("\r", " ", "\n", " ")

// SumOf digests the payload, and if exact the source and the timestamp too. Of a line only the payload counts:
// the source is in its id, and on another run the file may be newer, but it is the same line. A line
// break, which JSON has only between tokens, counts as a blank, since an export makes a blank of it.
func SumOf(exact bool, source string, at time.Time, payload string) Sum {
	h := sha256.New()
	if exact {
		var micros [8]byte
		binary.BigEndian.PutUint64(micros[:], uint64(at.UnixMicro()))
		h.Write(micros[:])
		h.Write([]byte(source))
		h.Write([]byte{0}) // no source has a NUL
	}
	h.Write([]byte(unbroken.Replace(payload)))
	return Sum(h.Sum(nil)[:16])
}

// Text makes a line, or as much of it as one payload takes, into an event. It
// returns how many bytes of the text it used: the rest is another piece.
func (o Origin) Text(l lines.Line) (Record, int) {
	payload, used, part := "", len(l.Text), 0
	if l.Part == 1 && l.Last {
		payload = whole(l.Text, o.Limit)
	}
	if payload == "" {
		payload, used = piece(l, o.Limit)
		part = l.Part
	}
	e := event.Event{
		ID: o.id(l.Number, part, l.Text[:used]), Topic: o.Topic, Source: o.Source,
		Timestamp: o.Timestamp.UTC().Truncate(time.Microsecond), Payload: payload,
	}
	size := l.Size
	if used < len(l.Text) {
		size = used
	}
	return Record{
		Event: e, JSON: workload.AppendJSON(nil, e), Sum: SumOf(false, "", time.Time{}, payload),
		Line: l.Number, Part: part, Base64: strings.HasPrefix(payload, base64Start), Size: size,
	}, used
}

// id is the UUIDv5 of the source, the file's name, the run, the number of the line, and its bytes; for a piece of a line the
// number of the piece stands behind that of the line.
func (o Origin) id(line int64, part int, text []byte) string {
	name := []byte(o.Source + "\x00" + o.Name + "\x00" + o.Run + "\x00")
	name = strconv.AppendInt(name, line, 10)
	if part > 0 {
		name = strconv.AppendInt(append(name, '.'), int64(part), 10)
	}
	name = append(append(name, 0), text...)
	return uuid.NewSHA1(namespace, name).String()
}

// anything is what lines are decoded with: limits so wide that they let pass what any server may take. The limits are
// the server's affair, and the server names what it refuses.
var anything = event.Limits{MaxEvents: 1, MaxPayloadBytes: 1 << 30, MaxDepth: 10_000, IgnoreUnknown: true}

// Event takes a line that is an event already, or an element that is. Its error says why no server would take it.
func (o Origin) Event(l lines.Line) (Record, error) {
	if l.Part > 1 || !l.Last {
		return Record{}, fmt.Errorf("it is longer than the %d bytes that an event may have; if the server accepts it, set a larger --max-payload", o.Limit)
	}
	text := strings.TrimSpace(strings.TrimPrefix(string(l.Text), ByteOrderMark))
	d, err := decode(text, anything)
	switch {
	case err != nil:
		return Record{}, err
	case len(d.Invalid) > 0:
		return Record{}, reason(d.Invalid[0])
	case len(d.Events) != 1:
		return Record{}, errors.New("not an event")
	}
	e := d.Events[0]
	sent := []byte(text)
	if fromFeed(text) {
		sent = workload.AppendJSON(nil, e)
	}
	return Record{
		Event: e, JSON: sent, Sum: SumOf(true, e.Source, e.Timestamp, e.Payload), Exact: true,
		Line: l.Number, Size: l.Size,
	}, nil
}

// decode reads one event. Over several lines only an element can stand.
func decode(text string, limits event.Limits) (event.Decoded, error) {
	if !strings.Contains(text, "\n") {
		return event.Decode(text, event.NDJSON, limits)
	}
	d, err := event.Decode(text, event.JSON, limits)
	if err == nil && !d.Single {
		err = errors.New("not an event, but a list")
	}
	return d, err
}

// fromFeed tells whether a line is an event that a server gave out: besides the five members of an event it has just
// received_at. That member is not sent along, for a server takes no other members.
func fromFeed(text string) bool {
	strict := anything
	strict.IgnoreUnknown = false
	d, err := decode(text, strict)
	if err != nil || len(d.Invalid) != 1 {
		return false
	}
	for _, e := range d.Invalid[0].Errors {
		if e.Code != event.CodeUnknownField || e.Field != "received_at" {
			return false
		}
	}
	return true
}

func reason(i event.Invalid) error {
	var said []string
	for _, e := range i.Errors {
		said = append(said, strings.TrimPrefix(e.Field+": "+e.Detail, ": "))
	}
	return errors.New(strings.Join(said, "; "))
}

// IsEvent tells whether a file whose first line this is holds events: an object that names the two parts of an event's key. An
// export names both before the payload, so that of a line too long to be looked at as a whole the beginning tells.
func IsEvent(l lines.Line) bool {
	text := strings.TrimPrefix(string(l.Text), ByteOrderMark)
	if !l.Last {
		return Begins(strings.NewReader(text))
	}
	d, err := event.Decode(text, event.NDJSON, anything)
	if err != nil || d.Total != 1 {
		return false
	}
	if len(d.Events) == 1 {
		return true
	}
	wrong := map[string]bool{}
	for _, e := range d.Invalid[0].Errors {
		wrong[e.Field] = wrong[e.Field] || e.Code == event.CodeMissing
		if e.Code == event.CodeSyntax || e.Code == event.CodeNotObject {
			return false
		}
	}
	return !wrong["event_id"] && !wrong["topic"]
}

// Begins tells whether a source begins with an object that names the two parts of an event's key. It reads no further than it
// has to.
func Begins(src io.Reader) bool {
	d := json.NewDecoder(src)
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return false
	}
	named := map[json.Token]bool{}
	for !(named["event_id"] && named["topic"]) && d.More() {
		name, err := d.Token()
		if err != nil {
			break
		}
		named[name] = true
		if d.Decode(new(json.RawMessage)) != nil { // where the text is cut
			break
		}
	}
	return named["event_id"] && named["topic"]
}
