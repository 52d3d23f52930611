package writer

import (
	"strconv"

	"ingot/ingest/internal/postgres"
	"ingot/internal/event"
)

// prepareFold prepares the statement that adds to the sums the counts that have gathered, and those of the batch that
// folds. It runs under the log's lock, before the batch's row of the log, which is marked as folded.
//
// It returns one row, which tells how far the log has come (crowd.go): the number of its last row. max() would read
// the whole log here: in a statement with a WITH that writes, Postgres does not use the end of the index for it.
const prepareFold = `PREPARE ingot_fold (text) AS
	WITH folded AS (
		INSERT INTO ingot.topics AS t (topic, events)
		SELECT k.key, sum(k.value::bigint)
		FROM (` + postgres.UnfoldedTopics + ` UNION ALL SELECT convert_from(decode($1, 'hex'), 'UTF8')::json) AS b, json_each_text(b.topics) AS k
		GROUP BY k.key
		ON CONFLICT (topic) DO UPDATE SET events = t.events + excluded.events)
	SELECT coalesce((SELECT commit_seq FROM ingot.batches ORDER BY commit_seq DESC LIMIT 1), 0);
`

// A batch folds when foldBatches batches were written over its connection since the last one that folded, or when
// foldCounts counts have gathered in them. Batches of nothing but duplicates count as well, because readers have to pass
// over their rows. A reader of /stats adds up at most about foldCounts counts per ingester, which takes a millisecond.
// The first batch of a connection folds, so that a process that restarts again and again does not leave more and more
// behind. If a batch that folds is never committed, as many again gather before the next fold.
const (
	foldBatches = 64
	foldCounts  = 2000
)

// unfolded counts the batches, and the counts of topics, that a session has sent since it last folded.
type unfolded struct {
	batches, counts int
	never           bool // it has not folded yet
}

var unfoldedAtFirst = unfolded{batches: foldBatches, never: true}

// sent is how many batches the session has sent from the last that folded up to the one that folds now; 0: none has
// folded yet.
func (u unfolded) sent() int {
	if u.never {
		return 0
	}
	return u.batches
}

// topicsOf is how many events of each topic the batch has stored, as an SQL literal: JSON in hex. It also decides
// whether the batch folds. A batch that was to fold still does when it is written again.
func (s *session) topicsOf(b *batch) []byte {
	defer clear(s.topics) // else it holds on to the batch
	b.countTopics(s.topics)
	if s.unfolded.batches++; s.unfolded.batches > foldBatches || s.unfolded.counts+len(s.topics) > foldCounts {
		b.folds, b.sinceFold, s.unfolded = true, s.unfolded.sent(), unfolded{}
	}
	s.unfolded.counts += len(s.topics)
	text, hex := s.texts[0][:0], s.texts[1][:0]
	if len(s.topics) == 0 {
		return append(hex, "NULL"...)
	}

	text = append(text, '{')
	for topic, n := range s.topics {
		text = append(event.AppendQuoted(text, topic), ':')
		text = append(strconv.AppendInt(text, n, 10), ',')
	}
	text[len(text)-1] = '}'
	hex = append(appendHex(append(hex, '\''), text), '\'')
	s.texts = [...][]byte{text, hex}
	return hex
}
