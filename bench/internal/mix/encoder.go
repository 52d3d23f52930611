package mix

import (
	"bytes"
	"encoding/binary"
	"time"

	"ingot/internal/event"
	"ingot/internal/workload"
)

// CopyHeader and CopyTrailer stand around the rows of a binary COPY.
const (
	CopyHeader  = "PGCOPY\n\xff\r\n\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x00"
	CopyTrailer = "\xff\xff"
)

// CopyColumns is the order of AppendRow.
const CopyColumns = `event_id, topic, id, source, "timestamp", received_at, payload`

// Encoder makes the events of a mix.
type Encoder struct {
	ids       IDs
	topics    topics
	templates []template
}

// template is an encoded event with a gap for its event_id, at json[atJSON:] and row[atRow:]. If the mix has many topics
// there is a gap for the topic as well, at json[topicJSON:] and row[topicRow:].
type template struct {
	json, row      []byte
	atJSON, atRow  int
	atSeq          int // where the id column stands in row
	topic, blankID string

	topicJSON, topicRow int
}

// NewEncoder encodes the templates of a mix.
func NewEncoder(m Mix) (*Encoder, error) {
	events, err := m.events()
	if err != nil {
		return nil, err
	}
	e := &Encoder{ids: m.IDs, topics: newTopics(m.Topics)}
	for j := range events {
		if e.topics != nil {
			events[j].Topic = TopicName(0)
		}
		e.templates = append(e.templates, newTemplate(events[j], m.IDs.blankID(j)))
	}
	return e, nil
}

func newTemplate(e event.Event, blankID string) template {
	e.ID = blankID
	t := template{json: workload.AppendJSON(nil, e), topic: e.Topic, blankID: blankID}
	t.atJSON = bytes.Index(t.json, []byte(blankID))
	t.row, t.atRow, t.atSeq = appendTemplateRow(e)
	t.topicJSON = bytes.Index(t.json, []byte(`"topic":"`)) + len(`"topic":"`)
	t.topicRow = t.atRow + len(blankID) + 4
	return t
}

func (e *Encoder) template(i int) *template { return &e.templates[i%len(e.templates)] }

// Len is how many bytes AppendEvent appends for event i.
func (e *Encoder) Len(i int) int { return len(e.template(i).json) }

// AppendEvent appends event i as a JSON object.
func (e *Encoder) AppendEvent(dst []byte, i int) []byte {
	t := e.template(i)
	n := len(dst) + t.atJSON
	dst = append(dst, t.json...)
	e.ids.put(dst[n:n+len(t.blankID)], i)
	e.topics.put(dst[n-t.atJSON+t.topicJSON:], i)
	return dst
}

// AppendRow appends event i as a row of a binary COPY, with the given id column.
func (e *Encoder) AppendRow(dst []byte, i int, id int64) []byte {
	t := e.template(i)
	n := len(dst)
	dst = append(dst, t.row...)
	e.ids.put(dst[n+t.atRow:n+t.atRow+len(t.blankID)], i)
	e.topics.put(dst[n+t.topicRow:], i)
	binary.BigEndian.PutUint64(dst[n+t.atSeq:], uint64(id))
	return dst
}

// Key is the primary key of event i.
func (e *Encoder) Key(i int) (id, topic string) {
	t := e.template(i)
	b := []byte(t.blankID)
	e.ids.put(b, i)
	return string(b), e.Topic(i)
}

// Topic is the topic of event i.
func (e *Encoder) Topic(i int) string {
	if e.topics != nil {
		return TopicName(e.topics.rank(i))
	}
	return e.template(i).topic
}

// postgresEpoch is where the timestamps of the binary format count from.
var postgresEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

func appendTemplateRow(e event.Event) (row []byte, atID, atSeq int) {
	row = binary.BigEndian.AppendUint16(nil, 7)
	atID = len(row) + 4
	row = appendField(appendField(row, e.ID), e.Topic)
	atSeq = len(row) + 4
	row = appendField(row, "\x00\x00\x00\x00\x00\x00\x00\x00")
	row = appendField(row, e.Source)
	micros := binary.BigEndian.AppendUint64(nil, uint64(e.Timestamp.UnixMicro()-postgresEpoch))
	row = appendField(appendField(row, string(micros)), string(micros))
	return appendField(row, e.Payload), atID, atSeq
}

func appendField(dst []byte, value string) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(value)))
	return append(dst, value...)
}
