package mutant

// feed are mutants of the order in which batches become visible.
var feed = []Mutant{
	{
		Name:   "feed-by-id",
		Breaks: "the feed's cursor is the last id that was read, in place of the commit log's order",
		Caught: "a reader that follows sees the whole table: two ingesters",
		Edits: []Edit{
			{
				"ingest/internal/postgres/reader/log.go", `"WHERE commit_seq >= $1 ORDER BY commit_seq LIMIT $2", at.Commit, n+1)`,
				`"WHERE last_id >= $1 ORDER BY first_id LIMIT $2", at.ID, n+1)`,
			},
			{
				"ingest/internal/postgres/reader/log.go", `if len(log) == 0 || log[0].commit != at.Commit || log[0].identity != at.Identity || at.ID > log[0].last {`,
				`if len(log) == 0 {`,
			},
		},
	},
	{
		Name:   "log-without-its-lock",
		Breaks: "the number of a batch in the log comes from a sequence, not from the row before under the lock",
		Caught: "the totals are those of the table; a reader that follows sees all of it",
		Edits: []Edit{
			{
				"ingest/internal/postgres/writer/query.go", `THEN pg_advisory_xact_lock(%d) END`,
				`THEN %d END`,
			},
			{
				"ingest/internal/postgres/writer/query.go", `	SELECT coalesce(last.commit_seq, 0) + 1,
`,
				`	SELECT nextval('ingot.id_blocks'),
`,
			},
		},
	},
	{
		Name:   "stream-drops",
		Breaks: "what finds the buffer of a stream full is dropped, and the stream goes on",
		Caught: "all readers of the feed see the same order: streams",
		Edits: []Edit{{
			"ingest/internal/feed/buffer.go", "	s.behind = true\n	s.leaveLocked(nil)\n",
			"	s.behind = false\n	tell(s.signal)\n",
		}},
	},
	{
		Name:   "subscription-forgets",
		Breaks: "a subscription's commit is answered before it is kept, and some never are",
		Caught: "all readers of the feed see the same order: what was committed does not come again",
		Edits: []Edit{{
			"ingest/internal/postgres/reader/subscriptions.go", "(commit_seq, id) < ($2::bigint, $3::bigint)",
			"(commit_seq, id) < ($2::bigint, $3::bigint) AND $2::bigint % 7 <> 0",
		}},
	},
}
