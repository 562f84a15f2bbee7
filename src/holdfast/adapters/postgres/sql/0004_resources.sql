-- Versioned resources, and shared counters.

-- Every version of every resource; newest marks the one that counts. The revision of the whole store is meta's, and whoever
-- applies something holds that row until it has committed: revisions become visible in their order.
CREATE TABLE resource (
    kind     text COLLATE "C" NOT NULL,
    name     text COLLATE "C" NOT NULL,
    tenant   text COLLATE "C" NOT NULL,
    version  bigint NOT NULL,
    revision bigint NOT NULL,
    at       bigint NOT NULL,
    deleted  boolean NOT NULL,
    newest   boolean NOT NULL,
    author   text NOT NULL,
    reason   text NOT NULL,
    labels   text NOT NULL,
    body     bytea NOT NULL,
    PRIMARY KEY (kind, tenant, name, version)
);
CREATE UNIQUE INDEX resource_named ON resource (kind, tenant, name) WHERE newest;
CREATE INDEX resource_newest ON resource (revision) WHERE newest;
INSERT INTO meta VALUES ('revision', 0);

CREATE TABLE tally (
    key    text COLLATE "C" NOT NULL,
    id     text COLLATE "C" NOT NULL,
    at     bigint NOT NULL,
    until  bigint NOT NULL,
    amount double precision NOT NULL,
    PRIMARY KEY (key, id)
);
CREATE INDEX tally_at ON tally (key, at) INCLUDE (amount);
CREATE INDEX tally_until ON tally (until);
