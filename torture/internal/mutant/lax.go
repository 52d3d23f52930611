package mutant

// Lax lets through what the decoder exists to refuse, in every column. It stands in for mistakes of the decoder:
// Postgres rejected the data then, and the batch has to be halved.
var Lax = Mutant{
	Name:   "lax",
	Breaks: "the decoder lets poison of every column through",
	Edits: []Edit{
		invalidUTF8Passes,
		{"internal/event/text.go", `case c < ' ' || c == 0x7F:`, `case c != 0 && c < ' ' || c == 0x7F:`},
		{"internal/event/limits.go", `const MaxTextBytes = 512`, `const MaxTextBytes = 64 << 10`},
		{"internal/event/limits.go", `const maxSyntaxDepth = 10_000`, `const maxSyntaxDepth = 100_000`},
		{"internal/event/scan.go", `if d.open.depth > d.limits.MaxDepth {`, `if d.open.depth > maxSyntaxDepth {`},
		{
			"internal/event/string.go", `	default:
		return d.fail(i, "an invalid escape inside a string")`, `	case 'q':
		return i + 2
	default:
		return d.fail(i, "an invalid escape inside a string")`,
		},
		{"internal/event/timestamp.go", `return time.Time{}, errTimestampRange`, `return time.UnixMicro(-1 << 62), nil`},
	},
}

var invalidUTF8Passes = Edit{
	"internal/event/string.go", `if r == utf8.RuneError && size == 1 {`, `if r == utf8.RuneError && size == 0 {`,
}
