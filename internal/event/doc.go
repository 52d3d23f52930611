// Package event holds what flows through Ingot: the event (event.go), the rules it must
// satisfy, and the decoder that turns the bytes of a request into events; what becomes
// of them, and how they are asked for.
//
// The HTTP gate calls Decode; everything behind it passes Events on and never
// looks into a payload again. The package owns no state and starts nothing.
//
//	one object | array | {"events":[..]} | NDJSON
//	   │  decode.go   which form the body has; one syntax error refuses the body
//	   ▼
//	 envelope.go      the five members of an event, each checked by its rule
//	   │  scan.go      where a value ends; its parts: string.go number.go
//	   │  flaw.go      what of it jsonb would refuse
//	   │  text.go timestamp.go   from the value of a member to the member
//	   ▼
//	 decoded.go        []Event + []Invalid, or why the body is refused as a whole
//
// The decoder refuses, event by event, whatever Postgres could reject later:
// once an event is accepted here, its row must be storable and its payload must
// cast to jsonb. Nothing is repaired or replaced on the way; the payload is kept
// byte for byte. quote.go is the way back: a text as JSON. What the rules are called stands
// in rules.go, how much is taken in limits.go.
//
// What the packages below ingest/internal say to each other is here, since they do not
// import each other:
//
//	fate.go             a batch, and the three ways in which storing can fail
//	page.go             a page of stored events, what asks for one, and its errors
//	position.go         a place in the feed, and the cursor that clients carry it as
//	subscription.go     a place that is kept under a name
package event
