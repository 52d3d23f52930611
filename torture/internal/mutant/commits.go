package mutant

// commits are mutants of when a batch counts as committed.
var commits = []Mutant{
	{
		Name:   "answer-before-commit",
		Breaks: "waiters hear their results when COMMIT goes out, not when it is answered",
		Caught: "stored means a row: COMMIT lost, kill -9",
		Edits: []Edit{
			{"internal/event/fate.go", `// Group is the events`, `// Early is told the results before COMMIT.
var Early func([]bool)

// Group is the events`},
			{"ingest/internal/pipeline/attempt.go", `	stored, err := p.store.Merge(ctx, b, p.commitSent)`, `	event.Early = func(stored []bool) {
		if len(stored) == f.events { // else it is another flight's
			p.deliverStored(f, live, stored)
		}
	}
	stored, err := p.store.Merge(ctx, b, p.commitSent)`},
			{"ingest/internal/postgres/writer/writer.go", `// Timeouts bound`, `func early(b *batch) { event.Early(b.stored) }

// Timeouts bound`},
			{"ingest/internal/postgres/writer/staged.go", `	b.committing()
	return w.commit(ctx, b)`, `	early(b)
	b.committing()
	return w.commit(ctx, b)`},
			{"ingest/internal/postgres/writer/direct.go", `	b.committing()
	return w.send(`, `	early(b)
	b.committing()
	return w.send(`},
		},
	},
	{
		Name:   "synchronous-commit-off",
		Breaks: "COMMIT is answered before it is on the disk",
		Caught: "stored means a row: kill -9 of Postgres",
		Edits:  []Edit{{"ingest/internal/postgres/writer/session.go", `commit := "on"`, `commit := "off"`}},
	},
	{
		Name:   "fold-forgets",
		Breaks: "a batch that folds the counts of topics adds its own alone",
		Caught: "the log, the topics and the events agree (ingest verify)",
		Edits: []Edit{{
			"ingest/internal/postgres/writer/fold.go", "+ postgres.UnfoldedTopics + ` UNION ALL SELECT convert_from", "+ postgres.UnfoldedTopics + ` AND false UNION ALL SELECT convert_from",
		}},
	},
	{
		Name:   "blind-re-run",
		Breaks: "a batch in doubt is tried again without a fence",
		Caught: "a row has one stored, or an attempt that is unknown: the answer to COMMIT is swallowed",
		Edits: []Edit{{
			"ingest/internal/postgres/writer/doubt.go", `	return w.resolve(ctx, b, err)`,
			`	return unavailable(err)`,
		}},
	},
	{
		Name:   "commit-tag-unchecked",
		Breaks: "COMMIT that is answered ROLLBACK counts",
		Caught: "stored means a row: ROLLBACK in place of COMMIT",
		Edits: []Edit{
			{"ingest/internal/postgres/writer/commit.go", `	case tag == "ROLLBACK":`, `	case tag == "NEVER":`},
			{"ingest/internal/postgres/writer/commit.go", `	case tag != "COMMIT" || txStatus != 'I':`, `	case txStatus != 'I':`},
		},
	},
	{
		Name:   "committer-panic-swallowed",
		Breaks: "the committer panics after a COMMIT now and then, and goes on as if the batch had failed",
		Caught: "503 means no row",
		Edits: []Edit{
			{"ingest/internal/pipeline/commit.go", `	how := p.afresh(batch)`, `	defer func() {
		if r := recover(); r != nil {
			p.deliverError(f, batch, &event.NotStoredError{Reason: event.ReasonUnavailable})
		}
	}()
	how := p.afresh(batch)`},
			{"ingest/internal/pipeline/attempt.go", `	p.deliverStored(f, live, stored)`, `	if rand.N(200) == 0 {
		panic("a mistake")
	}
	p.deliverStored(f, live, stored)`},
		},
	},
}
