package postgres

import (
	"strconv"

	"ingot/internal/event"
)

// How many events a topic holds is counted in two places: a batch's row of the log says
// how many it has stored of each (batches.topics), and ingot.topics has the sums, up to the
// last row that is marked as folded. All batches of a topic would write the same row of
// ingot.topics, which costs as much as an event; so only some batches fold what has gathered,
// their own included. Readers add what was not folded yet.

// unfoldedTopics are the topics of the batches after the last fold. Walking back to it
// passes over as many rows as there are to read.
const unfoldedTopics = `SELECT topics FROM ingot.batches WHERE commit_seq > coalesce(
	(SELECT commit_seq FROM ingot.batches WHERE folded ORDER BY commit_seq DESC LIMIT 1), 0)`

// topicCounts are counts to be added up by topic.
const topicCounts = `SELECT topic, events FROM ingot.topics
	UNION ALL SELECT k.key, k.value::bigint FROM (` + unfoldedTopics + `) AS b, json_each_text(b.topics) AS k`

// largestTopics are the topics with the most events, so many of them. What was not folded only adds: who is among them
// is among those of ingot.topics, or was counted since. So not all sums, which may be millions, have to be made.
const largestTopics = `SELECT topic, max(events) AS events FROM (
		(SELECT topic, events FROM ingot.topics ORDER BY events DESC, topic LIMIT $1)
		UNION ALL SELECT r.topic, r.events + coalesce((SELECT t.events FROM ingot.topics AS t WHERE t.topic = r.topic), 0)
		FROM (SELECT k.key COLLATE "C" AS topic, sum(k.value::bigint)::bigint AS events
			FROM (` + unfoldedTopics + `) AS b, json_each_text(b.topics) AS k GROUP BY 1) AS r) AS c
	GROUP BY topic ORDER BY events DESC, topic LIMIT $1`

// prepareFold adds what has gathered, and the topics of the batch that folds, to the sums.
// It runs under the log's lock, before the row that says so.
const prepareFold = `PREPARE ingot_fold (text) AS
	INSERT INTO ingot.topics AS t (topic, events)
	SELECT k.key, sum(k.value::bigint)
	FROM (` + unfoldedTopics + ` UNION ALL SELECT convert_from(decode($1, 'hex'), 'UTF8')::json) AS b, json_each_text(b.topics) AS k
	GROUP BY k.key
	ON CONFLICT (topic) DO UPDATE SET events = t.events + excluded.events;
`

// A batch folds when so many were written over its connection since the last that did, those
// of nothing but duplicates among them, whose rows have to be passed over as well, or
// so many counts have gathered in them: one of /stats adds up as many for each ingester,
// which takes it a millisecond. The first of a connection folds, so that a process which ends
// again and again leaves no more behind. Where a batch that folds is never committed, as many
// gather once more.
const (
	foldBatches = 64
	foldCounts  = 2000
)

// unfolded is what a session has sent since it folded.
type unfolded struct{ batches, counts int }

var unfoldedAtFirst = unfolded{batches: foldBatches}

// topicsOf is what the batch has stored of each topic, as an SQL literal: JSON, in hex. It
// decides whether the batch folds; one that is written again does as before.
func (s *session) topicsOf(b *batch) []byte {
	defer clear(s.topics) // holds on to the batch otherwise
	b.countTopics(s.topics)
	if s.unfolded.batches++; s.unfolded.batches > foldBatches || s.unfolded.counts+len(s.topics) > foldCounts {
		b.folds, s.unfolded = true, unfolded{}
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
