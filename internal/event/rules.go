package event

// Code names the rule an event broke. Codes are part of the HTTP contract:
// clients branch on them, so a code is never renamed.
type Code string

// The rules of an event, in the order they are looked at.
const (
	CodeSyntax           Code = "syntax"              // an NDJSON line that is not JSON
	CodeNotObject        Code = "not_object"          // the event is not a JSON object
	CodeUnknownField     Code = "unknown_field"       // a name that is none of the five, unless such names are ignored
	CodeRepeatedField    Code = "repeated_field"      // one of the five names twice
	CodeMissing          Code = "missing"             // one of the five names is not there
	CodeWrongType        Code = "wrong_type"          // a text member that is not a string
	CodeEmpty            Code = "empty"               // a text member of no bytes
	CodeTooLong          Code = "too_long"            // a text member over MaxTextBytes
	CodeControlCharacter Code = "control_character"   // C0, DEL or C1 in a text member
	CodeInvalidUTF8      Code = "invalid_utf8"        // bytes that are not UTF-8, in any member
	CodeLoneSurrogate    Code = "lone_surrogate"      // half of a surrogate pair, in any member
	CodeBadTimestamp     Code = "bad_timestamp"       // not RFC 3339, or no such day
	CodeTimestampRange   Code = "timestamp_range"     // outside the years 1970..2200
	CodePayloadTooLarge  Code = "payload_too_large"   // over MaxPayloadBytes
	CodePayloadTooDeep   Code = "payload_too_deep"    // arrays and objects nested over MaxDepth
	CodePayloadNUL       Code = "payload_nul"         // \u0000, which Postgres cannot hold
	CodeNumberOutOfRange Code = "number_out_of_range" // a number jsonb cannot hold
	CodeTopicNotAllowed  Code = "topic_not_allowed"   // outside the scope of the key; no rule of the decoder, but of Confine
)

// Codes lists every rule, so that a test can ask for a case of each.
func Codes() []Code {
	return []Code{
		CodeSyntax, CodeNotObject, CodeUnknownField, CodeRepeatedField, CodeMissing, CodeWrongType,
		CodeEmpty, CodeTooLong, CodeControlCharacter, CodeInvalidUTF8, CodeLoneSurrogate,
		CodeBadTimestamp, CodeTimestampRange, CodePayloadTooLarge, CodePayloadTooDeep,
		CodePayloadNUL, CodeNumberOutOfRange, CodeTopicNotAllowed,
	}
}

// FieldError is one broken rule: the member that broke it ("" for the event as a whole) and a sentence that says
// what was found and what is wanted. The sentence never repeats a payload, and holds at most a short, quoted
// piece of a name.
type FieldError struct {
	Field  string
	Code   Code
	Detail string
}

// Invalid is an event that was refused, and why.
type Invalid struct {
	Index   int          // position in the body, from 0
	EventID string       // as sent, when the event_id itself is good; otherwise ""
	Errors  []FieldError // nil behind the first MaxExplained invalid events
}
