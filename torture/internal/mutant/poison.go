package mutant

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Poison is an event that Lax lets through and Postgres refuses.
type Poison struct {
	Name     string
	SQLSTATE string
	member   string // of the event
	value    func(r *rand.Rand) string
}

// Poisons returns poison for every column that comes from a client, and for every SQLSTATE that bad data is known to
// raise in one of the types of ingot.events.
func Poisons() []Poison {
	just := func(s string) func(*rand.Rand) string { return func(*rand.Rand) string { return s } }
	const nul, notUTF8 = `"nul-\u0000"`, "\"not-\xff-utf8\""
	// Postgres compresses hex digits to half of their bytes, and an index row may have 2,704.
	long := func(r *rand.Rand) string {
		b := make([]byte, 8<<10)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return `"` + hex.EncodeToString(b) + `"`
	}
	return []Poison{
		{"NUL in event_id", "22021", "event_id", just(nul)},
		{"NUL in topic", "22021", "topic", just(nul)},
		{"NUL in source", "22021", "source", just(nul)},
		{"invalid UTF-8 in event_id", "22021", "event_id", just(notUTF8)},
		{"invalid UTF-8 in topic", "22021", "topic", just(notUTF8)},
		{"invalid UTF-8 in source", "22021", "source", just(notUTF8)},
		{"invalid UTF-8 in payload", "22021", "payload", just(notUTF8)},
		{"event_id too long for the index", "54000", "event_id", long},
		{"topic too long for the index", "54000", "topic", long},
		{"timestamp out of range", "22008", "timestamp", just(`"9999-12-31T23:59:59Z"`)},
		{"payload that is not JSON", "22P02", "payload", just(`"\q"`)},
		{"payload that nests too deeply", "54001", "payload", just(strings.Repeat("[", 50_000) + strings.Repeat("]", 50_000))},
	}
}

// Event is the poisoned event as JSON. It has this event_id and topic, but for the one that is the poison: id is no
// part of an event whose event_id is.
func (p Poison) Event(r *rand.Rand, id, topic string) string {
	value := map[string]string{
		"event_id": quote(id), "topic": quote(topic), "source": `"poison"`, "timestamp": `"2026-01-01T00:00:00Z"`, "payload": `{}`,
	}
	value[p.member] = p.value(r)
	return fmt.Sprintf(`{"event_id":%s,"topic":%s,"source":%s,"timestamp":%s,"payload":%s}`,
		value["event_id"], value["topic"], value["source"], value["timestamp"], value["payload"])
}

func quote(s string) string {
	b, _ := json.Marshal(s) // cannot fail: a string
	return string(b)
}
