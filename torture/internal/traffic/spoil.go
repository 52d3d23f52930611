package traffic

import "strings"

// Bad is what is wrong with an event that the decoder has to refuse.
type Bad uint8

// The kinds of bad events. Postgres would refuse some of them, and keep others under another key.
const (
	Good           Bad = iota
	BadUTF8            // in the id: with a replacement character two ids would become one
	BadSurrogate       // in the id, likewise
	BadNUL             // in the payload
	BadEmpty           // no topic
	BadUnknownName     // a member besides the five
	BadRaw             // in no plan: its sender knows what is wrong
)

// Spoil is what is wrong with a whole request.
type Spoil uint8

// The kinds of spoilt requests, and the problem that each is answered with.
const (
	Unspoilt   Spoil = iota
	CutShort         // 400 not-json
	WrongType        // 415 unsupported-media-type
	WrongCoded       // 415 unsupported-encoding
	NotGzip          // 400 not-decompressed
	spoils
)

var spoilProblems = map[Spoil]string{
	CutShort: "400 not-json", WrongType: "415 unsupported-media-type",
	WrongCoded: "415 unsupported-encoding", NotGzip: "400 not-decompressed",
}

// spoil makes the request one that is refused as a whole. Its events get keys that no other request has, so that the
// oracle sees nothing but refusals of them.
func (p *planner) spoil(r *Request) {
	r.Spoil = 1 + Spoil(p.IntN(int(spoils)-1))
	r.Patient = false
	if r.Form == NDJSON {
		r.Form = Array // a line that is cut short is one bad event, not a bad body
	}
	r.Gzip = false
	for i := range r.Events {
		r.Events[i].Bad = Good
		r.Events[i].Key.ID = "spoilt-" + strings.Trim(r.Events[i].Key.ID, "+")
		r.Events[i].Key.Topic = "spoilt"
	}
}
