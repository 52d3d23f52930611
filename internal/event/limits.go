package event

// MaxTextBytes bounds event_id, topic and source, in bytes after unescaping.
// The bound is what makes the primary key safe: Postgres refuses an index row
// over about 2,700 bytes that do not compress (SQLSTATE 54000), and two texts of
// 512 bytes stay well below it.
const MaxTextBytes = 512

// maxErrorsPerEvent bounds the report on one event; a client that sent twenty
// unknown names learns enough from the first eight.
const maxErrorsPerEvent = 8

// MaxExplained is how many invalid events of a body Decode explains. What is said of one takes up to a hundred times the
// memory of the event itself, for as long as the others wait to be stored. A guess: nobody reads more before fixing the
// first.
const MaxExplained = 100

// maxSyntaxDepth is where the scanner gives up on a body: encoding/json's own
// bound. It is far above Limits.MaxDepth, which refuses the event, not the body.
const maxSyntaxDepth = 10_000

// Limits bounds what one body may hold.
type Limits struct {
	MaxEvents       int  // events in one body
	MaxPayloadBytes int  // bytes of one payload, as sent
	MaxDepth        int  // nesting of arrays and objects in one payload; a scalar has depth 0
	IgnoreUnknown   bool // pass over unknown names instead of refusing the event
}

// DefaultLimits are the limits of the HTTP contract.
func DefaultLimits() Limits {
	return Limits{MaxEvents: 10_000, MaxPayloadBytes: 256 << 10, MaxDepth: 64}
}
