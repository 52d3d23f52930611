package mix

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
	IDs        IDs
	Payload    int     // bytes; 0: the workload's own
	File       string  // NDJSON to take payloads from
	Topics     int     // so many, by Zipf; 0: the workload's own
	Duplicates float64 // share of all sends, 0..1
}
