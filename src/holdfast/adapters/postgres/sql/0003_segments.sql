-- What auditors keep: signed segments, how far they cover every agent's journal, and what was cut from journals since.

CREATE TABLE segment (
    number    bigint PRIMARY KEY,
    statement bytea NOT NULL,
    signature bytea NOT NULL,
    public    bytea NOT NULL,
    leaves    bytea NOT NULL
);
CREATE TABLE covered (
    agent bigint PRIMARY KEY,
    seq   bigint NOT NULL,
    hash  bytea NOT NULL,
    cut   bigint NOT NULL
) WITH (fillfactor = 70);
CREATE TABLE cut (
    agent bigint PRIMARY KEY,
    seq   bigint NOT NULL,
    hash  bytea NOT NULL
);
INSERT INTO cut SELECT a.id, a.base_seq, a.base_hash FROM agent a WHERE a.base_seq > 0;

-- Ids ascend with the place in the table, so that a few bytes per hundred pages are index enough, and inserts pay nothing.
CREATE INDEX journal_id ON journal USING brin (id) WITH (pages_per_range = 32, autosummarize = on);

-- compact takes one parameter more from now on.
DROP FUNCTION IF EXISTS compact(bigint, integer);
