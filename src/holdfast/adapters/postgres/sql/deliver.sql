-- Messages into mailboxes. s_ref is the receiver if the session is known to hold it (no look-up, no lock), else 0.

CREATE OR REPLACE FUNCTION deliver(
    p_session bigint, p_serves jsonb, p_depth integer,
    s_ref bigint[], s_to text[], s_status smallint[], s_kind smallint[], s_priority smallint[], s_turn bigint[],
    s_due bigint[], s_ended bigint[], s_key text[], s_name text[], s_version text[], s_origin text[], s_body bytea[],
    p_lock text[], p_now bigint, OUT ids bigint[], OUT receivers jsonb
) LANGUAGE plpgsql AS $$
DECLARE
    v_refs bigint[] := s_ref;
    v_new bigint[] := '{}';
    v_foreign boolean := 0 = ANY (s_ref);
BEGIN
    IF NOT v_foreign OR 0 < ANY (s_ref) THEN
        PERFORM check_known(p_session, s_ref, s_to);
    END IF;
    IF v_foreign THEN
        v_refs := refs_of(s_ref, s_to);
        IF array_position(v_refs, NULL) IS NOT NULL THEN
            v_new := make_receivers(p_session, p_serves, s_ref, s_to, s_status, s_due, p_now);
            v_refs := refs_of(s_ref, s_to);
        END IF;
        IF p_lock = '{}' THEN   -- else they are locked already, all in one order
            PERFORM FROM agent a WHERE a.id = ANY (v_refs) AND a.owner <> p_session ORDER BY a.id FOR NO KEY UPDATE;
        END IF;
    END IF;
    PERFORM check_sends(p_depth, v_refs, s_status, s_kind, s_key);
    ids := ARRAY(SELECT nextval('message_id_seq') FROM generate_series(1, cardinality(s_to)));
    INSERT INTO message (id, agent, turn, due, ended, status, kind, priority, key, name, version, origin, body)
    SELECT * FROM unnest(ids, v_refs, s_turn, s_due, s_ended, s_status, s_kind, s_priority, s_key, s_name, s_version,
                         s_origin, s_body);
    IF v_foreign THEN
        receivers := hand_over(p_session, p_serves, v_refs, s_ref, s_status, s_priority, s_due, v_new);
    END IF;
END $$;

-- The receivers' ids; NULL for those that are not there yet.
CREATE OR REPLACE FUNCTION refs_of(s_ref bigint[], s_to text[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
    RETURN ARRAY(
        SELECT CASE WHEN u.ref > 0 THEN u.ref ELSE a.id END
        FROM unnest(s_ref, s_to) WITH ORDINALITY AS u(ref, address, place)
        LEFT JOIN agent a ON u.ref = 0 AND a.address = u.address ORDER BY u.place);
END $$;

-- Agents exist as soon as they are addressed. New ones go to this session at once if it can run them.
CREATE OR REPLACE FUNCTION make_receivers(
    p_session bigint, p_serves jsonb, s_ref bigint[], s_to text[], s_status smallint[], s_due bigint[], p_now bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    v_new bigint[];
BEGIN
    WITH made AS (
        INSERT INTO agent (address, created, owner, epoch)
        SELECT t.address, p_now,
            CASE WHEN t.at_once AND can_run(p_serves, split_part(t.address, '/', 2), '') THEN p_session ELSE 0 END, 1
        FROM (
            SELECT u.address, bool_or(u.status = 0 AND u.due <= 0) AS at_once
            FROM unnest(s_ref, s_to, s_status, s_due) AS u(ref, address, status, due) WHERE u.ref = 0 GROUP BY u.address
        ) t
        WHERE NOT EXISTS (SELECT FROM agent a WHERE a.address = t.address)
        ORDER BY t.address
        ON CONFLICT DO NOTHING
        RETURNING id
    )
    SELECT coalesce(array_agg(made.id), '{}') INTO v_new FROM made;
    RETURN v_new;
END $$;

-- Lock receivers that belong to nobody or to others (and those of p_lock in any case), in the one order.
CREATE OR REPLACE FUNCTION lock_receivers(p_session bigint, s_to text[], p_lock text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM agent a
    WHERE a.address = ANY (s_to || p_lock) AND (a.owner <> p_session OR a.address = ANY (p_lock))
    ORDER BY a.id FOR NO KEY UPDATE;
END $$;

-- Receivers that the session says it holds must be its own, or their new messages would wake nobody.
CREATE OR REPLACE FUNCTION check_known(p_session bigint, s_ref bigint[], s_to text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_strangers jsonb;
BEGIN
    SELECT jsonb_agg(u.address) INTO v_strangers FROM unnest(s_ref, s_to) AS u(ref, address)
    LEFT JOIN agent a ON a.id = u.ref AND a.owner = p_session
    WHERE u.ref > 0 AND a.id IS NULL;
    IF v_strangers IS NOT NULL THEN
        RAISE EXCEPTION 'not held' USING ERRCODE = 'HF001', DETAIL = jsonb_build_object('strangers', v_strangers)::text;
    END IF;
END $$;

-- Refuse what a receiver cannot take: it retired, it has the key, its mailbox is full.
CREATE OR REPLACE FUNCTION check_sends(
    p_depth integer, p_refs bigint[], s_status smallint[], s_kind smallint[], s_key text[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_bad jsonb;
    v_all jsonb := '[]';
BEGIN
    IF EXISTS (SELECT FROM agent a WHERE a.id = ANY (p_refs) AND a.mode = 'retired') THEN
        SELECT jsonb_agg(jsonb_build_object('send', u.place, 'code', 'agent.retired')) INTO v_bad
        FROM unnest(p_refs, s_kind) WITH ORDINALITY AS u(ref, kind, place) JOIN agent a ON a.id = u.ref
        WHERE a.mode = 'retired' AND u.kind NOT IN (2, 3);
        v_all := v_all || coalesce(v_bad, '[]');
    END IF;
    IF '' < ANY (s_key) THEN
        SELECT jsonb_agg(jsonb_build_object('send', u.place, 'code', 'message.duplicate', 'id', m.id)) INTO v_bad
        FROM unnest(p_refs, s_key) WITH ORDINALITY AS u(ref, key, place)
        JOIN message m ON m.agent = u.ref AND m.key = u.key AND m.key <> ''
        WHERE u.key <> '';
        v_all := v_all || coalesce(v_bad, '[]');
    END IF;
    IF 0 = ANY (s_kind) THEN
        v_all := v_all || check_depths(p_depth, p_refs, s_status, s_kind);
    END IF;
    IF v_all <> '[]' THEN
        RAISE EXCEPTION 'sends refused' USING ERRCODE = 'HF001', DETAIL = jsonb_build_object('sends', v_all)::text;
    END IF;
END $$;

-- Requests that their receivers' mailboxes have no room for. What is queued is counted, no further than the bound, once
-- per receiver: an index range that is short as long as mailboxes are.
CREATE OR REPLACE FUNCTION check_depths(p_depth integer, p_refs bigint[], s_status smallint[], s_kind smallint[])
RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('send', q.place, 'code', 'mailbox.full', 'depth', q.depth)), '[]')
        FROM (
            SELECT n.place, n.nth, max(CASE WHEN n.nth = 1 THEN (
                SELECT count(*) FROM (
                    SELECT FROM message m
                    WHERE m.agent = n.ref AND m.status <= 3 AND m.status = 0 AND m.kind = 0 LIMIT p_depth) c
                ) END) OVER (PARTITION BY n.ref) AS depth
            FROM (
                SELECT u.ref, u.place, row_number() OVER (PARTITION BY u.ref ORDER BY u.place) AS nth
                FROM unnest(p_refs, s_kind, s_status) WITH ORDINALITY AS u(ref, kind, status, place)
                WHERE u.kind = 0 AND u.status = 0
            ) n
        ) q
        WHERE q.depth + q.nth > p_depth);
END $$;

-- Give free receivers to this session if it can run them, else note what they have to do; tell whoever has to know.
-- Returns the receivers that were looked up: {"<ref>": {...}}, with their lease if it was granted here.
CREATE OR REPLACE FUNCTION hand_over(
    p_session bigint, p_serves jsonb, p_refs bigint[], s_ref bigint[], s_status smallint[], s_priority smallint[],
    s_due bigint[], p_new bigint[]
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    v_granted bigint[];
    v_waking boolean;
    v_elsewhere boolean;
    v_receivers jsonb;
BEGIN
    WITH changed AS (
        UPDATE agent a SET
            owner = CASE WHEN n.at_once AND a.mode = 'active' AND can_run(p_serves, a.name, a.needs)
                         THEN p_session ELSE 0 END,
            epoch = a.epoch + CASE WHEN n.at_once AND a.mode = 'active' AND can_run(p_serves, a.name, a.needs)
                                   THEN 1 ELSE 0 END,
            wake = CASE WHEN n.at_once AND a.mode = 'active' AND can_run(p_serves, a.name, a.needs)
                        THEN NULL ELSE least(a.wake, n.wake) END
        FROM (
            SELECT u.ref, bool_or(u.status = 0 AND u.due <= 0) AS at_once,
                min(CASE WHEN u.due > 0 THEN u.due ELSE ready(u.priority) END) AS wake
            FROM unnest(p_refs, s_ref, s_status, s_priority, s_due) AS u(ref, known, status, priority, due)
            WHERE u.known = 0 AND u.status <= 1 GROUP BY u.ref
        ) n
        WHERE a.id = n.ref AND a.owner = 0
        RETURNING a.id, a.owner, a.mode
    )
    SELECT array_agg(c.id) FILTER (WHERE c.owner <> 0), bool_or(c.owner = 0 AND c.mode = 'active')
    INTO v_granted, v_waking FROM changed c;
    IF v_waking THEN
        PERFORM tell(0, 'work', NULL);
    END IF;
    v_granted := v_granted || p_new;
    SELECT bool_or(a.owner NOT IN (0, p_session)), jsonb_object_agg(a.id, jsonb_build_object(
        'address', a.address, 'mine', a.owner = p_session, 'epoch', a.epoch, 'mode', a.mode,
        'granted', a.owner = p_session AND a.id = ANY (v_granted), 'fresh', a.id = ANY (p_new),
        'seq', h.seq, 'head', encode(h.head, 'hex')))
    INTO v_elsewhere, v_receivers
    FROM agent a CROSS JOIN LATERAL head_of(a.id) h
    WHERE a.id = ANY (ARRAY(SELECT u.ref FROM unnest(p_refs, s_ref) AS u(ref, known) WHERE u.known = 0));
    IF v_elsewhere THEN
        PERFORM tell_owners(p_session, p_refs, s_ref, s_status, s_due);
    END IF;
    RETURN v_receivers;
END $$;

-- News for the sessions that hold the receivers.
CREATE OR REPLACE FUNCTION tell_owners(p_session bigint, p_refs bigint[], s_ref bigint[], s_status smallint[], s_due bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell(o.owner, 'arrived', o.addresses), CASE WHEN o.delayed THEN tell(o.owner, 'work', NULL) END FROM (
        SELECT a.owner, array_agg(DISTINCT a.address) AS addresses, bool_or(u.due > 0) AS delayed
        FROM unnest(p_refs, s_ref, s_status, s_due) AS u(ref, known, status, due) JOIN agent a ON a.id = u.ref
        WHERE u.known = 0 AND u.status = 0 AND a.owner NOT IN (0, p_session) GROUP BY a.owner
    ) o;
END $$;
