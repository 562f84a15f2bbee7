-- What agents need in memory, for many agents in one round trip. Rows are told apart by ``part``:
--   m  message: n1 id, n2 status, n3 turn, n4 kind, n5 due, n6 priority, t1 version, t2 name
--   w  wait:    n1 turn, n2 due, n3 since, t1 path, t2 verb, t3 name, body detail
--   u  the worker that had it before died
--   e  entry of a turn that has begun: n1 turn, n2 seq

CREATE OR REPLACE FUNCTION load_agents(p_agents bigint[], p_limits integer[])
RETURNS TABLE (part "char", agent bigint, n1 bigint, n2 bigint, n3 bigint, n4 bigint, n5 bigint, n6 bigint,
               t1 text, t2 text, t3 text, body bytea)
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
        SELECT 'm'::"char", m.agent, m.id, m.status::bigint, m.turn, m.kind::bigint, m.due, m.priority::bigint,
               m.version, m.name, NULL::text, m.body
        FROM unnest(p_agents) AS u(id)
        CROSS JOIN LATERAL (SELECT * FROM message x WHERE x.agent = u.id AND x.status <= 3 OFFSET 0) m
        WHERE NOT (m.status = 0 AND m.kind = 0);
    RETURN QUERY
        SELECT 'm'::"char", q.agent, q.id, q.status::bigint, q.turn, q.kind::bigint, q.due, q.priority::bigint,
               q.version, q.name, NULL::text, q.body
        FROM unnest(p_agents, p_limits) AS u(id, most)
        CROSS JOIN LATERAL (
            SELECT * FROM message m WHERE m.agent = u.id AND m.status <= 3 AND m.status = 0 AND m.kind = 0
            ORDER BY m.priority DESC, m.id LIMIT u.most
        ) q;
    RETURN QUERY
        SELECT 'w'::"char", w.agent, w.turn, w.due, w.since, NULL::bigint, NULL::bigint, NULL::bigint,
               w.path, w.verb, w.name, w.detail
        FROM unnest(p_agents) AS u(id) CROSS JOIN LATERAL (SELECT * FROM wait x WHERE x.agent = u.id OFFSET 0) w;
    RETURN QUERY
        SELECT 'u'::"char", a.id, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint,
               NULL::text, NULL::text, NULL::text, NULL::bytea
        FROM unnest(p_agents) AS u(id) JOIN agent a ON a.id = u.id WHERE a.upset IS NOT NULL;
    RETURN QUERY
        SELECT 'e'::"char", j.agent, j.turn, j.seq, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint,
               NULL::text, NULL::text, NULL::text, j.body
        FROM unnest(p_agents) AS u(id)
        CROSS JOIN LATERAL (
            SELECT min(m.turn) AS first, array_agg(m.turn) AS turns FROM message m
            WHERE m.agent = u.id AND m.status <= 3 AND m.status IN (1, 2) AND m.kind = 0 AND m.turn > 0
        ) b
        CROSS JOIN LATERAL (
            SELECT * FROM journal e WHERE e.agent = u.id AND e.seq >= b.first AND e.turn = ANY (b.turns) ORDER BY e.seq
        ) j;
END $$;
