-- Wake-ups. One channel per session and one that all sessions hear; payloads stay far below PostgreSQL's 8000 bytes.

CREATE OR REPLACE FUNCTION channel(p_session bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'holdfast_' || current_schema()::regnamespace::oid || '_' || p_session
$$;

-- Tell one session, or with session 0 everybody, some news about some things.
CREATE OR REPLACE FUNCTION tell(p_session bigint, p_kind text, p_items text[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF p_items IS NULL THEN
        PERFORM pg_notify(channel(p_session), p_kind);
        RETURN true;
    END IF;
    PERFORM pg_notify(channel(p_session), p_kind || E'\n' || string_agg(part.item, E'\n'))
    FROM (
        SELECT i.item, sum(octet_length(i.item) + 1) OVER (ORDER BY i.place) / 6000 AS page
        FROM unnest(p_items) WITH ORDINALITY AS i(item, place)
    ) part
    GROUP BY part.page;
    RETURN true;
END $$;

-- How urgent a queued message is, for agent.wake: a negative number, lower for a higher priority and, within one
-- priority, for an older message. (2^50, 2^40 milliseconds are 34 years, and 1577836800000 is the year 2020.)
CREATE OR REPLACE FUNCTION ready(p_priority integer) RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT -1125899906842624 - p_priority * 1099511627776
        + (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1577836800000
$$;

-- What a free agent's wake has to be, from its messages and waits. The caller holds the agent's row lock.
-- (In this schema only one-line expressions are written in SQL, because the server inlines them. Everything else is
-- PL/pgSQL, whose plans are made once per connection; those of an SQL function are made anew for every call.)
CREATE OR REPLACE FUNCTION wake_of(p_agent bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN least(
        (SELECT min(CASE WHEN m.due > 0 AND m.status = 0 THEN m.due ELSE ready(m.priority) END)
         FROM message m WHERE m.agent = p_agent AND m.status <= 3 AND m.status <= 1),
        (SELECT min(w.due + 0) FROM wait w WHERE w.agent = p_agent AND w.due > 0));  -- not by the index of all due times
END $$;

-- Whether a session that serves p_serves may run an agent of this name that needs this version ('' for any).
CREATE OR REPLACE FUNCTION can_run(p_serves jsonb, p_name text, p_needs text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT p_serves ? p_name AND (p_needs = '' OR p_serves -> p_name ? p_needs)
$$;
