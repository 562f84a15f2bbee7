-- Forget ended turns: their messages, and the head of their agents' journals up to the oldest turn that is still kept; not
-- those of agents that are held (addresses, or beginnings of addresses with a "/" at the end). A turn's number is the seq of its first entry, so that the cut is one comparison.

CREATE OR REPLACE FUNCTION compact(p_before bigint, p_limit integer, p_held text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_from bigint := coalesce((SELECT m.value FROM meta m WHERE m.key = 'compact_from'), 0);
    v_ids bigint[];
    v_agents bigint[];
    v_removed bigint;
    v_cut bigint;
    v_agent bigint;
BEGIN
    SELECT array_agg(m.id ORDER BY m.id), array_agg(DISTINCT m.agent) INTO v_ids, v_agents FROM (
        SELECT o.id, o.agent FROM message o
        WHERE o.id > v_from AND o.status >= 4 AND o.ended > 0 AND o.ended < p_before
            AND (p_held = '{}' OR NOT EXISTS (
                SELECT FROM agent a CROSS JOIN unnest(p_held) h
                WHERE a.id = o.agent AND (a.address = h OR right(h, 1) = '/' AND starts_with(a.address, h))))
        ORDER BY o.id LIMIT p_limit
    ) m;
    v_agents := ARRAY(SELECT a.id FROM agent a WHERE a.id = ANY (v_agents) ORDER BY a.id FOR NO KEY UPDATE SKIP LOCKED);
    DELETE FROM message m
    WHERE m.id = ANY (v_ids) AND m.agent = ANY (v_agents) AND m.status >= 4 AND m.ended > 0 AND m.ended < p_before;
    GET DIAGNOSTICS v_removed = ROW_COUNT;
    FOREACH v_agent IN ARRAY v_agents LOOP
        v_cut := cut_journal(v_agent);
        v_removed := v_removed + v_cut;
    END LOOP;
    INSERT INTO meta VALUES ('compact_from', CASE WHEN cardinality(v_ids) >= p_limit THEN v_ids[p_limit] ELSE 0 END)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value;
    RETURN v_removed + forget_windows(p_before, p_limit) + forget_tallies(p_before, p_limit);
END $$;

-- Drop what precedes the oldest kept turn; the agent remembers the chain's hash at the cut. Returns the rows dropped.
CREATE OR REPLACE FUNCTION cut_journal(p_agent bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_upto bigint;
    v_hash bytea;
    v_dropped bigint;
BEGIN
    SELECT min(m.turn) - 1 INTO v_upto FROM message m WHERE m.agent = p_agent AND m.turn > 0 AND m.kind = 0;
    SELECT j.seq, j.hash INTO v_upto, v_hash FROM journal j
    WHERE j.agent = p_agent AND (v_upto IS NULL OR j.seq <= v_upto) ORDER BY j.seq DESC LIMIT 1;
    IF v_hash IS NULL THEN
        RETURN 0;
    END IF;
    UPDATE agent a SET base_seq = v_upto, base_hash = v_hash WHERE a.id = p_agent;
    INSERT INTO cut VALUES (p_agent, v_upto, v_hash)
    ON CONFLICT (agent) DO UPDATE SET seq = excluded.seq, hash = excluded.hash;
    WITH gone AS (
        DELETE FROM journal j WHERE j.agent = p_agent AND j.seq <= v_upto RETURNING j.id
    ), unsaid AS (
        DELETE FROM line l USING gone g WHERE l.id = g.id
    )
    SELECT count(*) INTO v_dropped FROM gone;
    RETURN v_dropped;
END $$;
