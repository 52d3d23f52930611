-- The newest schema of Ingot, in full. A fresh database is made from this file;
-- an older one is brought here by ingest/internal/postgres/migrations.
--
-- Everything lives in a schema of its own: an old service's public.events may
-- stand beside it.

CREATE SCHEMA ingot;

COMMENT ON SCHEMA ingot IS 'Ingot: events, each exactly once, and the log of the batches that wrote them';

CREATE TABLE ingot.schema_version (
    version     integer     NOT NULL,
    migrated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- One row an event. event_id first: it serves look-ups by id alone, keeps
-- time-ordered ids (UUIDv7) at one edge of the tree, and is what a distributed
-- engine would shard by. payload is json, not jsonb: the bytes that were sent.
CREATE TABLE ingot.events (
    event_id    text        COLLATE "C" NOT NULL,
    topic       text        COLLATE "C" NOT NULL,
    id          bigint      NOT NULL,
    source      text        NOT NULL,
    "timestamp" timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    payload     json        NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (event_id, topic)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- What readers need: the rows of a slice of 8,192 ids, and those of a topic in a block
-- of 65,536. Entries gather in a list before they join the tree, some thousand rows at a
-- time; readers read that list whole (docs/decisions/0020).
CREATE INDEX events_slices ON ingot.events USING gin ((ARRAY[id >> 13, hashtextextended(topic, id >> 16)]))
    WITH (gin_pending_list_limit = 256);

COMMENT ON COLUMN ingot.events.id IS 'position within its batch: from the block of ids of the connection that wrote it';
COMMENT ON COLUMN ingot.events.received_at IS 'when the ingester took the request in, by its clock';

-- Blocks of ids. One value is the first of 65,536 ids that belong to the
-- connection which drew it, and die with it.
CREATE SEQUENCE ingot.id_blocks AS bigint INCREMENT BY 65536 MINVALUE 1 START WITH 1;

-- The commit log: one row a committed batch, written last, under one lock, so
-- that commit_seq is the order in which batches became visible. first_id is the
-- identity of a batch. The totals include the row's own batch.
CREATE TABLE ingot.batches (
    commit_seq     bigint      NOT NULL,
    first_id       bigint      NOT NULL,
    last_id        bigint      NOT NULL,
    received       integer     NOT NULL,
    stored         integer     NOT NULL,
    total_received bigint      NOT NULL,
    total_stored   bigint      NOT NULL,
    instance       uuid        NOT NULL,
    committed_at   timestamptz NOT NULL,
    heap_blocks    bigint      NOT NULL DEFAULT 0,
    topics         json,
    folded         boolean     NOT NULL DEFAULT false,
    CONSTRAINT batches_pkey PRIMARY KEY (commit_seq),
    CONSTRAINT batches_first_id_key UNIQUE (first_id)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

COMMENT ON COLUMN ingot.batches.heap_blocks IS 'length of ingot.events when the batch was written: its rows stand right before; 0 when that is not known';
COMMENT ON COLUMN ingot.batches.topics IS 'how many events of each topic the batch stored: {"topic": n}; NULL when it stored none, or ingot.topics counts them already';
COMMENT ON COLUMN ingot.batches.folded IS 'ingot.topics counts the topics of this batch and of all before it; those of later ones are to be added';

-- How many events each topic holds, up to the last batch that is marked as folded. Rows
-- are updated again and again: the free half of a page keeps them in place.
CREATE TABLE ingot.topics (
    topic  text   COLLATE "C" NOT NULL,
    events bigint NOT NULL,
    CONSTRAINT topics_pkey PRIMARY KEY (topic)
) WITH (fillfactor = 50);

-- Places in the feed that are kept under a name: (commit_seq, id) only moves forward.
-- after, topics and source are what was asked for; no topics are all of them, source
-- '' is any. identity is that of the place's row of the log; committed_at is when the
-- place was moved last.
CREATE TABLE ingot.subscriptions (
    name         text        COLLATE "C" NOT NULL,
    after        text        NOT NULL,
    topics       text[]      COLLATE "C" NOT NULL,
    source       text        NOT NULL,
    commit_seq   bigint      NOT NULL,
    id           bigint      NOT NULL,
    identity     bigint      NOT NULL,
    committed_at timestamptz,
    CONSTRAINT subscriptions_pkey PRIMARY KEY (name)
) WITH (fillfactor = 50);
