package mutant

// answers are mutants of what a request is told.
var answers = []Mutant{
	{
		Name:   "unknown-told-as-503",
		Breaks: "a batch whose outcome is unknown is called not stored",
		Caught: "503 means no row: COMMIT is swallowed and the database is away until the deadline",
		Edits: []Edit{{
			"ingest/internal/httpapi/refusal.go", `s.problem(ctx, problemUnknown, "the events`,
			`s.problem(ctx, problemUnavailable, "the events`,
		}},
	},
	{
		Name:   "no-bisect",
		Breaks: "a batch with bad data is refused as a whole",
		Caught: "a request without poison is never told 422 (with lax)",
		Edits:  []Edit{{"ingest/internal/pipeline/commit.go", `	case len(live) > 1:`, `	case len(live) > 1 && !errors.As(err, &badData):`}},
	},
	{
		Name:   "constraint-tried-again",
		Breaks: "a batch with an event that an added constraint refuses is tried again, not halved",
		Caught: "a request that an added constraint refuses is told so once all is well",
		Edits: []Edit{{
			"ingest/internal/postgres/writer/classify.go", `if by := refusedBy(err); by != "" {`, `if by := refusedBy(err); by == "none" {`,
		}},
	},
}

// bytes are mutants of which bytes are written.
var bytes = []Mutant{
	{
		Name:   "request-bytes-not-copied",
		Breaks: "a body's buffer is used again once it is decoded, while its events share it",
		Caught: "a row has the bytes of the attempt that was told stored",
		Edits: []Edit{
			{"ingest/internal/httpapi/body.go", `	sent, room = allocate(min(length, firstPart))
`, `	sent = used.get(min(length, firstPart))
`},
			{"ingest/internal/httpapi/body.go", `// growing is a buffer`, `type buffers chan []byte

var used = make(buffers, 64)

func (b buffers) get(length int) []byte {
	select {
	case buf := <-b:
		if cap(buf) >= length {
			return buf[:length:length]
		}
	default:
	}
	return make([]byte, length)
}

func (b buffers) put(buf []byte) {
	select {
	case b <- buf:
	default:
	}
}

// growing is a buffer`},
			{"ingest/internal/httpapi/publish.go", `	decoded, err := event.DecodeInto(room, body, admitted.format, s.Limits.Events)
`, `	decoded, err := event.DecodeInto(room, body, admitted.format, s.Limits.Events)
	used.put(unsafe.Slice(unsafe.StringData(body), len(body)))
`},
			{"ingest/internal/httpapi/publish.go", `	"time"
`, `	"time"
	"unsafe"
`},
		},
	},
	{
		Name:   "bad-utf8-replaced",
		Breaks: "bytes that are not UTF-8 become U+FFFD, as encoding/json does it",
		Caught: "an event that is not UTF-8 is refused",
		Edits: []Edit{
			invalidUTF8Passes,
			{"internal/event/text.go", `	raw := d.src[start+1 : end-1]
`, `	raw := replaced(d.src[start+1 : end-1])
`},
			{"internal/event/text.go", `// unescape undoes`, `func replaced(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// unescape undoes`},
			{"internal/event/envelope.go", `d.event.Payload = raw`, `d.event.Payload = replaced(raw)`},
		},
	},
}
