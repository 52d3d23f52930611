package mutant

// keys are mutants of what is new and what is there already.
var keys = []Mutant{
	{
		Name:   "filter-add-before-asking",
		Breaks: "keys enter the filter before it is asked about them: all are suspected",
		Caught: "the filter's false positives stay near its rate",
		Edits: []Edit{{"ingest/internal/pipeline/attempt.go", `		b.Suspects = p.suspects(f, b.Groups)
`, `		p.learn(b.Groups, nil)
		b.Suspects = p.suspects(f, b.Groups)
`}},
	},
	{
		Name:   "filter-hit-is-duplicate",
		Breaks: "what the filter suspects is a duplicate, and Postgres is not asked",
		Caught: "duplicate means a row: an ingester with a small filter",
		Edits: []Edit{
			{"ingest/internal/postgres/writer/lookup.go", `	b.knownTo, err = w.lookers.find(ctx, asked, b.known)
`, `	b.knownTo, err = w.lookers.find(ctx, asked, b.known)
	for i, suspected := range b.Suspects {
		b.known[i] = b.known[i] || suspected
	}
`},
			{"ingest/internal/postgres/writer/lookup.go", `SELECT 1 / (0 * coalesce(length(k.event_id), 1))`, `SELECT length(k.event_id)`},
			{"ingest/internal/postgres/writer/staged.go", `if b.costOfSuspects() > w.lookUpBytes {`, `if b.Suspects != nil {`},
		},
	},
	{
		Name:   "primary-key-dropped",
		Breaks: "a key may be in the table twice",
		Caught: "one row a key, one stored a key",
		Edits: []Edit{
			{"schema.sql", `PRIMARY KEY (event_id, topic)`, `PRIMARY KEY (event_id, topic, id)`},
			{"ingest/internal/postgres/writer/merge.go", `
ON CONFLICT (%s) DO NOTHING
`, `
ON CONFLICT DO NOTHING -- %s
`},
			{"ingest/internal/postgres/writer/query.go", `fmt.Sprintf(keyDecides, key)`, `fmt.Sprintf("AND %d > 0", key)`},
			{"ingest/internal/postgres/tables.go", `(VALUES ('ingot.events', ARRAY['event_id', 'topic']), `, `(VALUES `},
		},
	},
	{
		Name:   "not-the-first-copy",
		Breaks: "of several copies of a key in a batch the last is stored",
		Caught: "the first copy in a request is the one stored",
		Edits:  []Edit{{"ingest/internal/postgres/writer/rows.go", `return int(x.at - y.at)`, `return int(y.at - x.at)`}},
	},
}
