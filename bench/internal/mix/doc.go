// Package mix makes what a scenario sends: which kind of ids, how large a payload, how many
// duplicates; and its bytes, for HTTP and for COPY.
//
//	workload ──> templates   a thousand events, encoded once, with a gap for the id
//	                 │
//	Source ──> i ────┤        which event is next: a fresh one, or a duplicate
//	                 ▼
//	              Encoder     template i mod n, with id i in its gap
//	              ├─ AppendEvent   JSON for POST /publish
//	              ├─ AppendRow     binary COPY, for the limit
//	              └─ Key           for the truth check
//
//	mix.go                           the Mix
//	id.go topic.go payload.go        its ids, topics and payloads
//	encoder.go                       the Encoder
//	source.go                        the Source
//
// Event i of a mix is a pure function of i, so nobody has to remember what was sent, and a round
// can go on where another one ended. Encoding is a copy and 36 bytes of id: the client must not
// be what is measured.
//
// The package starts nothing. An Encoder or a Source may be shared between goroutines; a Draw
// belongs to one.
package mix
