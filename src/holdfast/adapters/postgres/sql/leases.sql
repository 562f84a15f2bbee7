-- Sessions and leases. Row locks are always taken in one order: the own session's row, then agents by ascending id.
-- None of these transactions waits for the disk (see docs/adr/0005): what a crash of the server could make them forget is
-- safe to forget, because a commit that depends on them is durable only together with them.

-- The session's definitions; raises HF002 if the session is over. Held until the transaction ends, this lock is what a
-- declaration of death has to wait for.
CREATE OR REPLACE FUNCTION alive(p_session bigint) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    found_serves jsonb;
BEGIN
    SELECT s.serves INTO found_serves FROM session s WHERE s.id = p_session FOR KEY SHARE;
    IF found_serves IS NULL THEN
        RAISE EXCEPTION 'session over' USING ERRCODE = 'HF002';
    END IF;
    RETURN found_serves;
END $$;

-- Which process it is, whatever sessions it has.
CREATE OR REPLACE FUNCTION who(p_name text, p_host text, p_pid integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT p_name || ' ' || p_host || ' ' || p_pid
$$;

CREATE OR REPLACE FUNCTION enlist(
    p_name text, p_host text, p_pid integer, p_serves jsonb, p_lease interval, OUT id bigint, OUT token text
) LANGUAGE plpgsql AS $$
BEGIN
    -- A worker that was thought dead and comes back only was cut off: nothing it had is suspected.
    UPDATE agent a SET upset = NULL WHERE a.upset = who(p_name, p_host, p_pid);
    id := nextval('session_id_seq');
    token := left(p_name, 40) || '-' || id;
    INSERT INTO session (id, token, name, host, pid, serves, lease, expires)
    OVERRIDING SYSTEM VALUE
    VALUES (enlist.id, enlist.token, p_name, p_host, p_pid, p_serves, p_lease, clock_timestamp() + p_lease);
END $$;

-- The journal's end: (seq, hash) of its last row, or where it was cut.
CREATE OR REPLACE FUNCTION head_of(p_agent bigint, OUT seq bigint, OUT head bytea) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT j.seq, j.hash INTO seq, head FROM journal j WHERE j.agent = p_agent ORDER BY j.seq DESC LIMIT 1;
    IF seq IS NULL THEN
        SELECT a.base_seq, a.base_hash INTO seq, head FROM agent a WHERE a.id = p_agent;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION take_leases(p_session bigint, p_addresses text[], p_now bigint)
RETURNS TABLE (address text, ref bigint, epoch bigint, seq bigint, head bytea, fresh boolean, mode text)
LANGUAGE plpgsql AS $$
DECLARE
    v_serves jsonb;
    v_new bigint[];
    v_old bigint[];
BEGIN
    SET LOCAL synchronous_commit = off;
    v_serves := alive(p_session);
    WITH made AS (
        INSERT INTO agent AS a (address, created, owner, epoch)
        SELECT u.address, p_now, CASE WHEN can_run(v_serves, split_part(u.address, '/', 2), '') THEN p_session ELSE 0 END, 1
        FROM (SELECT DISTINCT t.address FROM unnest(p_addresses) AS t(address)) u
        WHERE NOT EXISTS (SELECT FROM agent e WHERE e.address = u.address)
        ORDER BY u.address
        ON CONFLICT DO NOTHING
        RETURNING a.id
    )
    SELECT array_agg(made.id) INTO v_new FROM made;
    IF v_new IS NULL OR cardinality(v_new) < cardinality(p_addresses) THEN
        SELECT array_agg(l.id) INTO v_old FROM (
            SELECT a.id FROM agent a
            WHERE a.address = ANY (p_addresses) AND a.owner = 0 AND can_run(v_serves, a.name, a.needs)
            ORDER BY a.id FOR NO KEY UPDATE
        ) l;
        UPDATE agent a SET owner = p_session, epoch = a.epoch + 1, wake = NULL WHERE a.id = ANY (v_old) AND a.owner = 0;
    END IF;
    RETURN QUERY
        SELECT a.address, a.id, a.epoch, h.seq, h.head, a.id = ANY (v_new) IS TRUE, a.mode
        FROM agent a CROSS JOIN LATERAL head_of(a.id) h
        WHERE a.address = ANY (p_addresses) AND a.owner = p_session;
END $$;

-- Free what a session holds: some of it (with the epochs of its leases), or, with p_agents NULL, all of it. p_died names
-- its worker if that is dead.
CREATE OR REPLACE FUNCTION free_agents(
    p_session bigint, p_agents bigint[], p_epochs bigint[], p_needs text, p_died text DEFAULT NULL)
RETURNS bigint LANGUAGE plpgsql AS $$   -- how many of them can be worked on at once
DECLARE
    v_ids bigint[];
    v_waking bigint;
BEGIN
    IF p_agents IS NULL THEN
        SELECT array_agg(l.id) INTO v_ids FROM (
            SELECT a.id FROM agent a WHERE a.owner = p_session AND a.owner <> 0 ORDER BY a.id FOR NO KEY UPDATE
        ) l;
    ELSE
        SELECT array_agg(l.id) INTO v_ids FROM (
            SELECT a.id FROM unnest(p_agents, p_epochs) AS u(id, epoch) JOIN agent a ON a.id = u.id
            WHERE a.owner = p_session AND a.epoch = u.epoch ORDER BY a.id FOR NO KEY UPDATE OF a
        ) l;
    END IF;
    -- A statement of its own, so that it sees every message committed by whoever held a row lock until now.
    WITH freed AS (
        UPDATE agent a SET owner = 0, needs = coalesce(p_needs, a.needs), wake = wake_of(a.id), upset = p_died
        WHERE a.id = ANY (v_ids) RETURNING a.wake
    )
    SELECT count(*) FILTER (WHERE freed.wake <= 0) INTO v_waking FROM freed;
    RETURN v_waking;
END $$;

CREATE OR REPLACE FUNCTION release_leases(p_session bigint, p_agents bigint[], p_epochs bigint[], p_needs text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL synchronous_commit = off;
    IF free_agents(p_session, p_agents, p_epochs, p_needs) > 0 THEN
        PERFORM tell(0, 'work', NULL);
    END IF;
END $$;

-- End a session and free everything it held. False if it was over already.
CREATE OR REPLACE FUNCTION end_session(p_session bigint, p_died text DEFAULT NULL) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM session s WHERE s.id = p_session FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM session s WHERE s.id = p_session;
    PERFORM free_agents(p_session, NULL, NULL, NULL, p_died);
    PERFORM tell(0, 'work', NULL);   -- also when only timers came free: somebody else has to know of them now
    RETURN true;
END $$;

-- Bury other sessions. A session is silent when nobody holds its advisory lock (its process is gone, or
-- its connection is cut) or when it expired. Silence must last for p_grace before it is death: a healthy session whose
-- connection was cut, or whose server restarted, comes back within that time and clears the mark.
-- Returns how many other sessions there are, and how many of them are silent.
CREATE OR REPLACE FUNCTION bury(p_sessions bigint[], p_class integer, p_grace interval, OUT others bigint, OUT silent bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_other record;
    v_locked bigint[];
BEGIN
    SET LOCAL synchronous_commit = off;
    v_locked := ARRAY(
        SELECT l.objid::bigint FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.classid::bigint = p_class AND l.objsubid = 2 AND l.granted
          AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()));
    FOR v_other IN
        SELECT s.id, s.silent, s.lease, who(s.name, s.host, s.pid) FROM session AS s
        WHERE s.id <> ALL (p_sessions) AND (s.expires < clock_timestamp() OR s.id <> ALL (v_locked))
        ORDER BY s.id FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        IF v_other.silent IS NULL THEN
            UPDATE session s SET silent = clock_timestamp() WHERE s.id = v_other.id;
        ELSIF v_other.silent < clock_timestamp() - least(p_grace, v_other.lease) THEN
            PERFORM FROM session s WHERE s.id = v_other.id FOR UPDATE SKIP LOCKED;
            IF FOUND THEN
                PERFORM end_session(v_other.id, v_other.who);
                PERFORM tell(v_other.id, 'lost', NULL);
            END IF;
        END IF;
    END LOOP;
    SELECT count(*), count(s.silent) INTO others, silent FROM session s WHERE s.id <> ALL (p_sessions);
END $$;

-- Prolong a session; false if it is over.
CREATE OR REPLACE FUNCTION beat(p_session bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL synchronous_commit = off;
    UPDATE session s SET expires = clock_timestamp() + s.lease, silent = NULL WHERE s.id = p_session;
    RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION serve(p_session bigint, p_serves jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE session s SET serves = p_serves WHERE s.id = p_session;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'session over' USING ERRCODE = 'HF002';
    END IF;
END $$;

-- Agents that a session owns here but does not know of: grants whose reply was lost with a connection.
CREATE OR REPLACE FUNCTION strays(p_session bigint, p_known bigint[], OUT ref bigint[], OUT epoch bigint[]) LANGUAGE plpgsql AS $$
BEGIN
    SELECT array_agg(a.id), array_agg(a.epoch) INTO ref, epoch FROM agent a
    WHERE a.owner = p_session AND a.owner <> 0 AND a.id <> ALL (p_known);
END $$;
