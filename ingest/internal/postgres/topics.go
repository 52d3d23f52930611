package postgres

import (
	"strconv"

	"ingot/internal/event"
)

// How many events a topic has is counted in two places. A batch's row of the log says how many events the batch has
// stored of each topic (batches.topics). ingot.topics has the sums, up to the last row that is marked as folded. If
// every batch brought the sums up to date, all batches of a topic would write the same row of ingot.topics, which
// costs as much as an event. So only some batches fold: they add what has gathered, their own counts included.
// Readers add what was not folded yet.

// unfoldedTopics selects the topics of the batches after the last fold. The walk back to that fold passes over as
// many rows as there are to read.
const unfoldedTopics = `SELECT topics FROM ingot.batches WHERE commit_seq > coalesce(
	(SELECT commit_seq FROM ingot.batches WHERE folded ORDER BY commit_seq DESC LIMIT 1), 0)`

// topicCounts selects counts that have to be added up by topic.
const topicCounts = `SELECT topic, events FROM ingot.topics
	UNION ALL SELECT k.key, k.value::bigint FROM (` + unfoldedTopics + `) AS b, json_each_text(b.topics) AS k`

// largestTopics selects the $1 topics with the most events. Counts that are not folded yet only add to the sums: so
// a topic that is among the largest is among the $1 largest of ingot.topics, or has counts that are not folded.
// Therefore only these have to be added up, and not all topics, which may be millions.
const largestTopics = `SELECT topic, max(events) AS events FROM (
		(SELECT topic, events FROM ingot.topics ORDER BY events DESC, topic LIMIT $1)
		UNION ALL SELECT r.topic, r.events + coalesce((SELECT t.events FROM ingot.topics AS t WHERE t.topic = r.topic), 0)
		FROM (SELECT k.key COLLATE "C" AS topic, sum(k.value::bigint)::bigint AS events
			FROM (` + unfoldedTopics + `) AS b, json_each_text(b.topics) AS k GROUP BY 1) AS r) AS c
	GROUP BY topic ORDER BY events DESC, topic LIMIT $1`

// prepareFold prepares the statement that adds to the sums what has gathered, and the topics of the batch that
// folds. It runs under the log's lock, before the batch's row of the log, which is marked as folded.
//
// It returns one row, which tells how far the log has come (crowd.go): the number of its last row. max() would read
// the whole log here: beside a WITH that writes, Postgres does not look at the end of the index instead.
const prepareFold = `PREPARE ingot_fold (text) AS
	WITH folded AS (
		INSERT INTO ingot.topics AS t (topic, events)
		SELECT k.key, sum(k.value::bigint)
		FROM (` + unfoldedTopics + ` UNION ALL SELECT convert_from(decode($1, 'hex'), 'UTF8')::json) AS b, json_each_text(b.topics) AS k
		GROUP BY k.key
		ON CONFLICT (topic) DO UPDATE SET events = t.events + excluded.events)
	SELECT coalesce((SELECT commit_seq FROM ingot.batches ORDER BY commit_seq DESC LIMIT 1), 0);
`

// A batch folds when foldBatches batches were written over its connection since the last one that folded, or when
// foldCounts counts have gathered in them. Batches of nothing but duplicates are among the foldBatches: their rows
// have to be passed over as well. A reader of /stats adds up at most about foldCounts counts for each ingester,
// which takes it a millisecond. The first batch of a connection folds, so that a process which ends again and again
// leaves no more behind. If a batch that folds is never committed, as many again gather before the next fold.
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

// topicsOf is what the batch has stored of each topic, as an SQL literal: JSON in hex. It also decides whether the
// batch folds. A batch that is written again and has decided to fold still folds.
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
