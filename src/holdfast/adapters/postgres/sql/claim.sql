-- Find work. Free agents with something to do are an index range per definition and version, so nothing here grows
-- with the number of agents, and agents that nobody serves or that are paused are never looked at.

CREATE OR REPLACE FUNCTION claim_work(
    p_session bigint, p_limit integer, p_now bigint,
    OUT address text[], OUT ref bigint[], OUT epoch bigint[], OUT seq bigint[], OUT head bytea[],
    OUT held text[], OUT next_due bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_serves jsonb;
    v_kind record;
    v_ids bigint[] := '{}';
BEGIN
    SET LOCAL synchronous_commit = off;
    v_serves := alive(p_session);
    held := held_due(p_session, p_now);
    FOR v_kind IN
        SELECT s.key AS name, n.needs, (
            SELECT a.wake FROM agent a
            WHERE a.name = s.key AND a.needs = n.needs AND a.owner = 0 AND a.mode = 'active' AND a.wake IS NOT NULL
            ORDER BY a.wake LIMIT 1) AS first
        FROM jsonb_each(v_serves) s
        CROSS JOIN LATERAL (SELECT '' UNION SELECT jsonb_array_elements_text(s.value)) AS n(needs)
        ORDER BY first
    LOOP
        EXIT WHEN v_kind.first IS NULL OR v_kind.first > p_now OR cardinality(v_ids) >= p_limit;
        v_ids := v_ids || ARRAY(
            SELECT a.id FROM agent a
            WHERE a.name = v_kind.name AND a.needs = v_kind.needs AND a.owner = 0 AND a.mode = 'active'
              AND a.wake IS NOT NULL AND a.wake <= p_now
            ORDER BY a.wake LIMIT p_limit - cardinality(v_ids) FOR NO KEY UPDATE SKIP LOCKED);
    END LOOP;
    UPDATE agent a SET owner = p_session, epoch = a.epoch + 1, wake = NULL WHERE a.id = ANY (v_ids);
    SELECT array_agg(t.address), array_agg(t.id), array_agg(t.epoch), array_agg(t.seq), array_agg(t.head)
    INTO address, ref, epoch, seq, head
    FROM (
        SELECT a.address, a.id, a.epoch, h.seq, h.head
        FROM unnest(v_ids) WITH ORDINALITY AS u(id, place)
        JOIN agent a ON a.id = u.id CROSS JOIN LATERAL head_of(a.id) h
        ORDER BY u.place
    ) t;
    next_due := CASE WHEN cardinality(v_ids) >= p_limit THEN p_now ELSE next_timer(p_session, v_serves, p_now) END;
END $$;

-- Agents that the session holds and that have a timer or a delayed message due. The newest 5000 are looked at: what is
-- older was reported before, or belongs to agents that are paused or held elsewhere.
CREATE OR REPLACE FUNCTION held_due(p_session bigint, p_now bigint) RETURNS text[] LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT coalesce(array_agg(DISTINCT a.address), '{}')
    FROM (
        (SELECT w.agent FROM wait w WHERE w.due > 0 AND w.due <= p_now ORDER BY w.due DESC LIMIT 5000)
        UNION ALL
        (SELECT m.agent FROM message m WHERE m.status = 0 AND m.due > 0 AND m.due <= p_now ORDER BY m.due DESC LIMIT 5000)
    ) d
    JOIN agent a ON a.id = d.agent
    WHERE a.owner = p_session AND a.mode = 'active');
END $$;

-- When something next falls due for a session: on free agents that it could run, or on those that it holds. Timers of
-- agents held elsewhere are looked past 200 deep; beyond that the answer may be too early, never too late.
CREATE OR REPLACE FUNCTION next_timer(p_session bigint, p_serves jsonb, p_now bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN coalesce(least(
        (SELECT min(x.wake) FROM (
            SELECT (
                SELECT a.wake FROM agent a
                WHERE a.name = s.key AND a.needs = n.needs AND a.owner = 0 AND a.mode = 'active'
                  AND a.wake IS NOT NULL AND a.wake > p_now
                ORDER BY a.wake LIMIT 1) AS wake
            FROM jsonb_each(p_serves) s
            CROSS JOIN LATERAL (SELECT '' UNION SELECT jsonb_array_elements_text(s.value)) AS n(needs)) x),
        (SELECT coalesce(min(d.due) FILTER (WHERE a.owner = p_session), CASE WHEN count(*) = 200 THEN max(d.due) END)
         FROM (SELECT w.agent, w.due FROM wait w WHERE w.due > 0 AND w.due > p_now ORDER BY w.due LIMIT 200) d
         JOIN agent a ON a.id = d.agent),
        (SELECT coalesce(min(d.due) FILTER (WHERE a.owner = p_session), CASE WHEN count(*) = 200 THEN max(d.due) END)
         FROM (SELECT m.agent, m.due FROM message m WHERE m.status = 0 AND m.due > 0 AND m.due > p_now
               ORDER BY m.due LIMIT 200) d
         JOIN agent a ON a.id = d.agent)
    ), 0);
END $$;
