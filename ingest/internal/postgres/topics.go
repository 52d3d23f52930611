package postgres

// The events of a topic are counted in two places. A batch's row of the log says how many events of each topic the batch
// has stored (batches.topics). ingot.topics has the sums, up to the last row that is marked as folded. If every batch
// updated the sums, all batches of a topic would write the same row of ingot.topics, which costs as much as an event.
// So only some batches fold: they add the counts that have gathered, their own included. Readers add those that are not
// folded yet.

// UnfoldedTopics selects the topics of the batches after the last fold. Walking back to that fold costs as much as
// reading them.
const UnfoldedTopics = `SELECT topics FROM ingot.batches WHERE commit_seq > coalesce(
	(SELECT commit_seq FROM ingot.batches WHERE folded ORDER BY commit_seq DESC LIMIT 1), 0)`

// TopicCounts selects counts that have to be added up by topic.
const TopicCounts = `SELECT topic, events FROM ingot.topics
	UNION ALL SELECT k.key, k.value::bigint FROM (` + UnfoldedTopics + `) AS b, json_each_text(b.topics) AS k`
