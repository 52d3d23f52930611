package postgres

// How many events a topic has is counted in two places. A batch's row of the log says how many events the batch has
// stored of each topic (batches.topics). ingot.topics has the sums, up to the last row that is marked as folded. If
// every batch brought the sums up to date, all batches of a topic would write the same row of ingot.topics, which
// costs as much as an event. So only some batches fold: they add what has gathered, their own counts included.
// Readers add what was not folded yet.

// UnfoldedTopics selects the topics of the batches after the last fold. The walk back to that fold passes over as
// many rows as there are to read.
const UnfoldedTopics = `SELECT topics FROM ingot.batches WHERE commit_seq > coalesce(
	(SELECT commit_seq FROM ingot.batches WHERE folded ORDER BY commit_seq DESC LIMIT 1), 0)`

// TopicCounts selects counts that have to be added up by topic.
const TopicCounts = `SELECT topic, events FROM ingot.topics
	UNION ALL SELECT k.key, k.value::bigint FROM (` + UnfoldedTopics + `) AS b, json_each_text(b.topics) AS k`
