-- Usage, budgets, and any blobs where code archives were.

ALTER TABLE archive RENAME TO artifact;

-- The bill: written once, never changed, never deleted.
CREATE TABLE usage (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        bigint NOT NULL,
    turn      bigint NOT NULL,
    input     bigint NOT NULL,
    output    bigint NOT NULL,
    cached    bigint NOT NULL,
    written   bigint NOT NULL,
    reasoning bigint NOT NULL,
    nanos     bigint NOT NULL,
    took_ms   bigint NOT NULL,
    first_ms  bigint NOT NULL,
    attempts  bigint NOT NULL,
    agent     text COLLATE "C" NOT NULL,
    path      text COLLATE "C" NOT NULL,
    trace     text COLLATE "C" NOT NULL,
    route     text COLLATE "C" NOT NULL,
    target    text COLLATE "C" NOT NULL,
    vendor    text COLLATE "C" NOT NULL,
    model     text COLLATE "C" NOT NULL,
    outcome   text COLLATE "C" NOT NULL,
    reason    text COLLATE "C" NOT NULL,
    chain     text[] COLLATE "C" NOT NULL,
    labels    jsonb NOT NULL
);
CREATE INDEX usage_at ON usage (at);
CREATE INDEX usage_agent ON usage (agent, id);

-- A limit that is NULL is none.
CREATE TABLE budget (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name   text COLLATE "C" NOT NULL UNIQUE,
    scope  text NOT NULL,
    per    text NOT NULL,
    nanos  bigint,
    tokens bigint,
    calls  bigint,
    zone   text NOT NULL,
    note   text NOT NULL
);

-- What a session has spent of a window, and what it holds of it unspent. Each session writes its own rows only, so that
-- commits of different sessions never wait for each other here; a window's total is a sum. What an ended session held
-- counts no more, for there is no such session; what it spent stays. session 0 is what was spent by many of those, and by
-- nobody in particular. touched is rounded up to full hours: its index is left alone by most updates. Rows of budgets that
-- were dropped count for nothing and go with compaction.
CREATE TABLE share (
    budget      bigint NOT NULL,
    session     bigint NOT NULL,
    touched     bigint NOT NULL,
    nanos       bigint NOT NULL DEFAULT 0,
    tokens      bigint NOT NULL DEFAULT 0,
    calls       bigint NOT NULL DEFAULT 0,
    held_nanos  bigint NOT NULL DEFAULT 0,
    held_tokens bigint NOT NULL DEFAULT 0,
    held_calls  bigint NOT NULL DEFAULT 0,
    "window"    text COLLATE "C" NOT NULL,
    PRIMARY KEY (budget, "window", session)
) WITH (fillfactor = 50);
CREATE INDEX share_touched ON share (touched);

-- apply_commits takes one parameter more from now on; without this there would be two of it.
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN
        SELECT p.oid FROM pg_proc p WHERE p.proname = 'apply_commits' AND p.pronamespace = current_schema()::regnamespace
    LOOP
        EXECUTE format('DROP FUNCTION %s', v_function);
    END LOOP;
END $$;
