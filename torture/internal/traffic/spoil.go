package traffic

import "strings"

// Bad is what is wrong with an event that the decoder has to refuse.
type Bad uint8

// The kinds of bad events; Postgres would refuse some of them, or keep another key.
const (
	Good           Bad = iota
	BadUTF8            // in the id: replaced, two ids would fold into one
	BadSurrogate       // likewise
	BadNUL             // in the payload
	BadEmpty           // no topic
	BadUnknownName     // beside the five
	BadRaw             // in no plan: what it is, its sender knows
)

// Spoil is what is wrong with a whole request.
type Spoil uint8

// The kinds of spoilt requests, and the problem each is told.
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

// spoil makes the request one that is refused as a whole. Its keys are its own, so
// that "only refused" is what the oracle sees.
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
