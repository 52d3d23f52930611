-- How long the table of events was when a batch committed: readers find the batch's
-- rows there. 0 for the batches from before: they are found by BRIN.
ALTER TABLE ingot.batches ADD COLUMN heap_blocks bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN ingot.batches.heap_blocks IS 'length of ingot.events when the batch was written: its rows stand right before; 0 when that is not known';
