-- Put lines into the index and move how far it has come, if it has come just to p_after. Marks come one a row, as lexemes that
-- no text has.

CREATE OR REPLACE FUNCTION add_lines(
    p_after bigint, p_upto bigint, p_ids bigint[], p_addresses text[], p_seqs bigint[], p_words text[], p_marks text[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_block bigint;
    c_size constant bigint := 100000;
BEGIN
    INSERT INTO meta VALUES ('indexed', 0) ON CONFLICT (key) DO NOTHING;
    PERFORM FROM meta WHERE key = 'indexed' AND value = p_after FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    FOR v_block IN SELECT DISTINCT i / c_size FROM unnest(p_ids) i LOOP
        IF to_regclass(format('%I.%I', current_schema(), 'line_' || v_block)) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF line FOR VALUES FROM (%s) TO (%s)',
                'line_' || v_block, v_block * c_size, (v_block + 1) * c_size);
        END IF;
    END LOOP;
    INSERT INTO line (id, agent, seq, words)
    SELECT l.id, a.id, l.seq,
        to_tsvector('simple', l.words) || array_to_tsvector(string_to_array(l.marks, E'\n'))
    FROM unnest(p_ids, p_addresses, p_seqs, p_words, p_marks) AS l(id, address, seq, words, marks)
    JOIN agent a ON a.address = l.address
    ON CONFLICT (id) DO NOTHING;
    UPDATE meta SET value = p_upto WHERE key = 'indexed';
    RETURN true;
END $$;
