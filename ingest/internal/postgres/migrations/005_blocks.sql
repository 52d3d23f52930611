-- Topics in blocks of 65,536 ids, no longer in slices, and a longer list before the tree:
-- cheaper to write, and to read for rare topics. It takes half a minute for ten million rows.
DROP INDEX IF EXISTS ingot.events_slices;
CREATE INDEX events_slices ON ingot.events USING gin ((ARRAY[id >> 13, hashtextextended(topic, id >> 16)]))
    WITH (gin_pending_list_limit = 256);
