-- The one write path. A call carries the rows of many commits, table by table; it applies all of them or, returning a
-- verdict that says which are to blame, none. The adapter then leaves those out and calls again. The parts refuse by raising
-- HF001, and are caught here, so that what is refused leaves no trace and no line in the server's log.
--
-- Fencing: the session's row is locked (KEY SHARE) first. Whoever wants to declare the session dead needs that row
-- exclusively, and only then may its agents go to others; so while this transaction runs, agents that belong to the
-- session stay with it, and their rows need no lock. Rows of other receivers are locked by ascending id.

CREATE OR REPLACE FUNCTION apply_commits(
    p_session bigint, p_depth integer,
    f_agent bigint[], f_epoch bigint[], f_seq bigint[],
    j_agent bigint[], j_seq bigint[], j_turn bigint[], j_body bytea[], j_hash bytea[], j_from integer[], j_to integer[],
    p_sent integer[],
    s_ref bigint[], s_to text[], s_status smallint[], s_kind smallint[], s_priority smallint[], s_turn bigint[],
    s_due bigint[], s_ended bigint[], s_key text[], s_name text[], s_version text[], s_origin text[], s_body bytea[],
    m_id bigint[], m_status smallint[], m_turn bigint[], m_version text[], m_ended bigint[], m_due bigint[], m_body bytea[],
    x_id bigint[],
    w_agent bigint[], w_turn bigint[], w_path text[], w_verb text[], w_name text[], w_due bigint[], w_since bigint[],
    w_detail bytea[],
    u_agent bigint[], u_turn bigint[], u_path text[],
    v_agent bigint[], v_key text[], v_value bytea[], v_labels text[], v_turn bigint[], v_known boolean[], v_prior bytea[],
    v_prior_labels text[],
    p_now bigint, p_lock text[], p_rare jsonb, p_ledger jsonb,
    OUT verdict jsonb, OUT ids bigint[], OUT receivers jsonb
) LANGUAGE plpgsql AS $$
DECLARE
    v_serves jsonb;
    v_touched text[];
    v_text text;
BEGIN
    IF p_ledger ? 'usage' THEN
        PERFORM pg_advisory_xact_lock_shared(usage_lock());   -- first: who waits here holds nothing that others wait for
    END IF;
    SELECT s.serves INTO v_serves FROM session s WHERE s.id = p_session FOR KEY SHARE;
    IF f_agent IS NOT NULL THEN
        PERFORM check_fence(p_session, v_serves IS NOT NULL, f_agent, f_epoch, f_seq);
    END IF;
    IF p_rare IS NOT NULL THEN
        v_touched := ARRAY(
            SELECT DISTINCT a.address FROM jsonb_array_elements_text(p_rare -> 'touched') t
            JOIN message m ON m.id = t.value::bigint JOIN agent a ON a.id = m.agent ORDER BY 1);
        p_lock := p_lock || v_touched;
    END IF;
    IF p_lock <> '{}' THEN
        INSERT INTO agent (address, created) SELECT m, p_now FROM unnest(p_lock) m
        WHERE NOT EXISTS (SELECT FROM agent a WHERE a.address = m) ORDER BY m ON CONFLICT DO NOTHING;
        PERFORM lock_receivers(p_session, s_to, p_lock);
    END IF;
    IF s_to IS NOT NULL THEN
        SELECT d.ids, d.receivers INTO ids, receivers FROM deliver(
            p_session, coalesce(v_serves, '{}'), p_depth, s_ref, s_to, s_status, s_kind, s_priority, s_turn, s_due, s_ended,
            s_key, s_name, s_version, s_origin, s_body, p_lock, p_now) d;
    END IF;
    IF j_from IS NOT NULL THEN
        INSERT INTO journal (agent, seq, turn, body, hash, sent)
        SELECT u.agent, u.seq, u.turn, u.body, u.hash, CASE WHEN u.upto > 0 THEN sent_ids(ids, p_sent, u.since, u.upto) END
        FROM unnest(j_agent, j_seq, j_turn, j_body, j_hash, j_from, j_to) AS u(agent, seq, turn, body, hash, since, upto);
    ELSIF j_agent IS NOT NULL THEN
        INSERT INTO journal (agent, seq, turn, body, hash)
        SELECT * FROM unnest(j_agent, j_seq, j_turn, j_body, j_hash);
    END IF;
    IF m_id IS NOT NULL THEN
        PERFORM mark(p_session, m_id, m_status, m_turn, m_version, m_ended, m_due, m_body);
    END IF;
    IF x_id IS NOT NULL THEN
        UPDATE message m SET status = 4, ended = p_now, body = '' WHERE m.id = ANY (x_id) AND m.key <> '';
        DELETE FROM message m WHERE m.id = ANY (x_id) AND m.key = '';
    END IF;
    IF u_agent IS NOT NULL THEN
        DELETE FROM wait w USING unnest(u_agent, u_turn, u_path) AS u(agent, turn, path)
        WHERE w.agent = u.agent AND w.turn = u.turn AND w.path = u.path;
    END IF;
    IF w_agent IS NOT NULL THEN
        INSERT INTO wait AS w (agent, turn, path, verb, name, due, since, detail)
        SELECT * FROM unnest(w_agent, w_turn, w_path, w_verb, w_name, w_due, w_since, w_detail)
        ON CONFLICT (agent, turn, path) DO UPDATE SET
            verb = excluded.verb, name = excluded.name, due = excluded.due, since = excluded.since, detail = excluded.detail;
    END IF;
    IF v_agent IS NOT NULL THEN
        PERFORM write_state(v_agent, v_key, v_value, v_labels, v_turn, v_known, v_prior, v_prior_labels);
    END IF;
    IF p_rare IS NOT NULL THEN
        PERFORM apply_rare(p_rare);
        PERFORM rewake(t) FROM unnest(v_touched) t;
    END IF;
    IF p_ledger IS NOT NULL THEN
        PERFORM write_ledger(CASE WHEN v_serves IS NULL THEN 0 ELSE p_session END, p_ledger, p_now);
    END IF;
EXCEPTION
    WHEN SQLSTATE 'HF001' THEN
        GET STACKED DIAGNOSTICS v_text = PG_EXCEPTION_DETAIL;
        verdict := v_text::jsonb;
    WHEN unique_violation THEN
        GET STACKED DIAGNOSTICS v_text = CONSTRAINT_NAME;
        verdict := jsonb_build_object('collision', v_text);
END $$;

-- The ids of one commit's messages, one per send. With p_sent, a send to a topic is a 0 followed by the negated ids of the
-- messages that its subscribers got.
CREATE OR REPLACE FUNCTION sent_ids(p_ids bigint[], p_sent integer[], p_from integer, p_to integer) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_sent IS NULL THEN
        RETURN p_ids[p_from:p_to];
    END IF;
    RETURN ARRAY(
        SELECT CASE WHEN u.at > 0 THEN p_ids[u.at] WHEN u.at < 0 THEN -p_ids[-u.at] ELSE 0 END
        FROM unnest(p_sent[p_from:p_to]) WITH ORDINALITY AS u(at, place) ORDER BY u.place);
END $$;

-- Refuse leases that are not the agents' newest, and journals that do not continue where they end.
CREATE OR REPLACE FUNCTION check_fence(p_session bigint, p_alive boolean, f_agent bigint[], f_epoch bigint[], f_seq bigint[])
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_lost bigint[];
BEGIN
    SELECT array_agg(f.agent) INTO v_lost
    FROM unnest(f_agent, f_epoch, f_seq) AS f(agent, epoch, seq)
    LEFT JOIN agent a ON a.id = f.agent AND a.owner = p_session AND a.epoch = f.epoch AND p_alive
    WHERE a.id IS NULL OR f.seq >= 0 AND f.seq <> a.base_seq
        AND NOT EXISTS (SELECT FROM journal j WHERE j.agent = f.agent AND j.seq = f.seq);
    IF v_lost IS NOT NULL THEN
        RAISE EXCEPTION 'lease lost' USING ERRCODE = 'HF001', DETAIL = jsonb_build_object('lost', to_jsonb(v_lost))::text;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION mark(
    p_session bigint, m_id bigint[], m_status smallint[], m_turn bigint[], m_version text[], m_ended bigint[], m_due bigint[],
    m_body bytea[]
) RETURNS bigint LANGUAGE plpgsql AS $$   -- how many other sessions were told of an end
DECLARE
    v_told bigint;
BEGIN
    WITH marked AS (
        UPDATE message m
        SET status = u.status, turn = u.turn, version = u.version, ended = u.ended, due = u.due,
            body = coalesce(u.body, m.body)
        FROM unnest(m_id, m_status, m_turn, m_version, m_ended, m_due, m_body)
            AS u(id, status, turn, version, ended, due, body)
        WHERE m.id = u.id
        RETURNING m.id, m.status, m.origin
    )
    SELECT count(tell(o.session, 'ended', o.ids)) INTO v_told FROM (
        SELECT s.id AS session, array_agg(marked.id::text) AS ids
        FROM marked JOIN session s ON s.token = marked.origin
        WHERE marked.status >= 4 AND marked.origin <> '' AND s.id <> p_session
        GROUP BY s.id
    ) o;
    RETURN v_told;
END $$;

-- What a key was before its writing turn is what it was when that turn first wrote it. v_known: the batch itself wrote it
-- in an earlier turn, so that the prior value is given.
CREATE OR REPLACE FUNCTION write_state(
    v_agent bigint[], v_key text[], v_value bytea[], v_labels text[], v_turn bigint[], v_known boolean[], v_prior bytea[],
    v_prior_labels text[]
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO state AS s (agent, key, value, labels, turn, prior, prior_labels)
    SELECT u.agent, u.key, u.value, u.labels, u.turn, u.prior, u.prior_labels
    FROM unnest(v_agent, v_key, v_value, v_labels, v_turn, v_prior, v_prior_labels)
        AS u(agent, key, value, labels, turn, prior, prior_labels)
    WHERE true
    ON CONFLICT (agent, key) DO UPDATE SET
        value = excluded.value, labels = excluded.labels, turn = excluded.turn,
        prior = CASE WHEN s.turn = excluded.turn THEN s.prior ELSE s.value END,
        prior_labels = CASE WHEN s.turn = excluded.turn THEN s.prior_labels ELSE s.labels END;
    IF true = ANY (v_known) THEN
        UPDATE state s SET prior = u.prior, prior_labels = u.prior_labels
        FROM unnest(v_agent, v_key, v_known, v_prior, v_prior_labels) AS u(agent, key, known, prior, prior_labels)
        WHERE u.known AND s.agent = u.agent AND s.key = u.key;
    END IF;
END $$;

-- Subscriptions, changes of mode, retirements: too rare for columns of their own.
CREATE OR REPLACE FUNCTION apply_rare(p_rare jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v record;
BEGIN
    FOR v IN SELECT * FROM jsonb_to_recordset(p_rare -> 'subscribes')
        AS t(tenant text, pattern text, agent bigint, handler text, "on" boolean)
    LOOP
        IF v."on" THEN
            INSERT INTO subscription VALUES (v.tenant, v.pattern, v.agent, v.handler) ON CONFLICT DO NOTHING;
        ELSE
            DELETE FROM subscription s WHERE s.tenant = v.tenant AND s.pattern = v.pattern AND s.agent = v.agent
                AND (v.handler = '' OR s.handler = v.handler);
        END IF;
    END LOOP;
    FOR v IN SELECT t.value::bigint AS agent FROM jsonb_array_elements_text(p_rare -> 'wipes') t LOOP
        DELETE FROM subscription s WHERE s.agent = v.agent;
        DELETE FROM state s WHERE s.agent = v.agent;
        DELETE FROM message m WHERE m.agent = v.agent AND m.status = 3;
    END LOOP;
    FOR v IN SELECT * FROM jsonb_to_recordset(p_rare -> 'modes') AS t(address text, mode text, reason text)
        ORDER BY t.address
    LOOP
        PERFORM set_mode(v.address, v.mode, v.reason);
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION set_mode(p_address text, p_mode text, p_reason text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_agent record;
BEGIN
    SELECT a.id, a.owner INTO v_agent FROM agent a WHERE a.address = p_address;
    UPDATE agent a SET mode = p_mode, reason = p_reason, wake = CASE WHEN a.owner = 0 THEN wake_of(a.id) END
    WHERE a.id = v_agent.id;
    IF v_agent.owner <> 0 THEN
        PERFORM tell(v_agent.owner, 'mode', ARRAY[p_address]);
    ELSIF p_mode = 'active' THEN
        PERFORM tell(0, 'work', NULL);
    END IF;
END $$;

-- Somebody without a lease changed an agent's messages: what it has to do may be more or less now.
CREATE OR REPLACE FUNCTION rewake(p_address text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_agent record;
BEGIN
    UPDATE agent a SET wake = CASE WHEN a.owner = 0 THEN wake_of(a.id) END WHERE a.address = p_address
    RETURNING a.owner, a.address, a.wake INTO v_agent;
    IF v_agent.owner <> 0 THEN
        PERFORM tell(v_agent.owner, 'arrived', ARRAY[v_agent.address]);
    ELSIF v_agent.wake IS NOT NULL THEN
        PERFORM tell(0, 'work', NULL);
    END IF;
END $$;
