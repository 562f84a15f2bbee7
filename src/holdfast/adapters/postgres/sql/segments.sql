-- Keep a segment and note what it covers. False if it is not the next one.

CREATE OR REPLACE FUNCTION add_segment(
    p_number bigint, p_statement bytea, p_signature bytea, p_public bytea, p_leaves bytea,
    c_address text[], c_seq bigint[], c_hash bytea[], c_cut bigint[], p_safe bigint, p_seen bigint, p_xmax bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF p_number > 1 AND NOT EXISTS (SELECT FROM segment s WHERE s.number = p_number - 1) THEN
        RETURN false;
    END IF;
    INSERT INTO segment VALUES (p_number, p_statement, p_signature, p_public, p_leaves) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO covered AS c (agent, seq, hash, cut)
    SELECT a.id, u.seq, u.hash, u.cut FROM unnest(c_address, c_seq, c_hash, c_cut) AS u(address, seq, hash, cut)
    JOIN agent a ON a.address = u.address ORDER BY a.id
    ON CONFLICT (agent) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, cut = greatest(c.cut, excluded.cut);
    DELETE FROM cut k USING unnest(c_address, c_cut) AS u(address, cut) JOIN agent a ON a.address = u.address
    WHERE k.agent = a.id AND k.seq <= u.cut;
    IF p_seen IS NOT NULL THEN
        INSERT INTO meta VALUES ('covered_safe', p_safe), ('covered_seen', p_seen), ('covered_xmax', p_xmax)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value;
    END IF;
    RETURN true;
END $$;
