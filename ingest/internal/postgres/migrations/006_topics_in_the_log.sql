-- A batch's topics are counted in its row of the log, and folded into ingot.topics now and
-- then. What is there has been folded: the newest row says so for all before it.
ALTER TABLE ingot.batches ADD COLUMN topics json, ADD COLUMN folded boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN ingot.batches.topics IS 'how many events of each topic the batch stored: {"topic": n}; NULL when it stored none, or ingot.topics counts them already';
COMMENT ON COLUMN ingot.batches.folded IS 'ingot.topics counts the topics of this batch and of all before it; those of later ones are to be added';
UPDATE ingot.batches SET folded = true WHERE commit_seq = (SELECT max(commit_seq) FROM ingot.batches);
