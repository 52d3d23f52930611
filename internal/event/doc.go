// Package event holds what flows through Ingot: the event (event.go), the rules it must
// satisfy, the decoder that turns the bytes of a request into events, and the types that
// the packages of the server share: what became of a batch, and how events are asked for.
//
// The HTTP gate calls DecodeInto; everything behind it passes Events on and never
// looks into a payload again. The package owns no state and starts nothing.
//
//	one object | array | {"events":[..]} | NDJSON
//	   │  decode.go   which form the body has; one syntax error refuses the body
//	   ▼
//	 envelope.go      the five members of an event, each checked by its rule
//	   │  scan.go      where a value ends; its parts: string.go number.go
//	   │  flaw.go      what in it jsonb would refuse
//	   │  text.go timestamp.go   from the value of a member to the member
//	   ▼
//	 decoded.go        []Event + []Invalid, or why the body is refused as a whole
//
// The decoder refuses, event by event, whatever Postgres could reject later:
// once an event is accepted here, its row must be storable and its payload must
// cast to jsonb. Nothing is repaired or replaced on the way; the payload is kept
// byte for byte. rules.go names the rules, limits.go has the limits; quote.go is the way
// back, from a text to JSON.
//
// The packages below ingest/internal do not import each other, so the types that they
// exchange are here:
//
//	fate.go             a batch, and the three ways in which storing it can fail
//	page.go             a page of stored events, what asks for one, and its errors
//	position.go         a place in the feed, and the cursor as which clients carry it
//	subscription.go     a place that is kept under a name
//	scope.go            the topics that a key is for
package event
