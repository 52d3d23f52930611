-- Batches of nothing but duplicates did not count towards the next fold, so millions of rows may
-- have to be passed over to find the last. What has gathered is folded here, under the log's
-- lock, once and without a limit on time.
SELECT pg_advisory_xact_lock(x'696e676f7402'::bigint);
INSERT INTO ingot.topics AS t (topic, events)
SELECT k.key, sum(k.value::bigint)
FROM ingot.batches AS b, json_each_text(b.topics) AS k
WHERE b.commit_seq > coalesce((SELECT max(commit_seq) FROM ingot.batches WHERE folded), 0)
GROUP BY k.key
ON CONFLICT (topic) DO UPDATE SET events = t.events + excluded.events;
UPDATE ingot.batches SET folded = true WHERE commit_seq = (SELECT max(commit_seq) FROM ingot.batches);
