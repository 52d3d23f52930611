-- Places in the feed that are kept under a name.
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
