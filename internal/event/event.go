package event

import "time"

// Event is one event as a client sent it. Key (ID, Topic) identifies it: two
// events with the same key are the same event, whatever else they hold.
//
// The strings of a decoded Event may share memory with the body it was decoded
// from; they stay valid as long as the Event does.
type Event struct {
	ID        string    // event_id, 1..512 bytes of UTF-8 without control characters
	Topic     string    // topic, as ID
	Source    string    // source, as ID
	Timestamp time.Time // UTC, whole microseconds, years 1970..2200
	Payload   string    // any JSON value, the bytes the client sent
}

// Size is the length of its texts and its payload together, in bytes. All bounds on the bytes of events count these.
func (e *Event) Size() int { return len(e.ID) + len(e.Topic) + len(e.Source) + len(e.Payload) }
