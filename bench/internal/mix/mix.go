package mix

import "fmt"

// IDs is a kind of event_id.
type IDs string

// The kinds. Where in the primary key a row lands depends on them: UUIDv4 all
// over the tree, UUIDv7 at its edge, Text near its topic.
const (
	UUIDv4 IDs = "uuid4"
	UUIDv7 IDs = "uuid7"
	Text   IDs = "text"
)

// DefaultWindow is how many of the latest keys duplicates are drawn from.
const DefaultWindow = 100_000

// Mix says what is sent. The zero value is UUIDv4, the workload's own payloads of
// about 190 bytes, no duplicates.
type Mix struct {
	IDs        IDs     `json:"ids,omitempty"`
	Payload    int     `json:"payload,omitempty"`    // bytes; 0: the workload's own
	File       string  `json:"file,omitempty"`       // NDJSON to take payloads from
	Topics     int     `json:"topics,omitempty"`     // so many, by Zipf; 0: the workload's own
	Duplicates float64 `json:"duplicates,omitempty"` // share of all sends, 0..1
}

// check finds what cannot be sent.
func (m Mix) check() error {
	switch m.IDs {
	case "", UUIDv4, UUIDv7, Text:
	default:
		return fmt.Errorf("ids %q: must be uuid4, uuid7 or text", m.IDs)
	}
	if m.Topics < 0 || m.Topics > maxTopics {
		return fmt.Errorf("%d topics: must be at most %d", m.Topics, maxTopics)
	}
	if m.Duplicates < 0 || m.Duplicates > 1 {
		return fmt.Errorf("a share of %v duplicates: must be 0 to 1", m.Duplicates)
	}
	if m.Payload != 0 && m.Payload < smallestPayload {
		return fmt.Errorf("a payload of %d bytes: must be at least %d", m.Payload, smallestPayload)
	}
	return nil
}
