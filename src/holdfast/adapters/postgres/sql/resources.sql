-- Resources and tallies.
--
-- Locks: whoever applies resources holds the row of meta with the revision until it has committed. Whoever counts something
-- holds its key's advisory lock, so that of two that count at once the later one's sum has the earlier one's in it; keys are
-- locked in order.

CREATE OR REPLACE FUNCTION revision() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT m.value FROM meta m WHERE m.key = 'revision'
$$;

-- Apply changes, all or none. place is the first one's that was made for another version than there is (version, by author), and
-- then nothing happened. A body that is NULL deletes; an expected version that is NULL does not matter.
CREATE OR REPLACE FUNCTION apply_resources(
    p_kinds text[], p_names text[], p_tenants text[], p_bodies bytea[], p_labels text[], p_expected bigint[],
    p_author text, p_reason text, p_at bigint,
    OUT revision bigint, OUT place bigint, OUT version bigint, OUT author text
) LANGUAGE plpgsql AS $$
DECLARE
    v_changed bigint[];
BEGIN
    SELECT m.value INTO revision FROM meta m WHERE m.key = 'revision' FOR UPDATE;
    -- Statements of their own from here on, so that they see what the last holder of that row applied.
    SELECT array_agg(c.place) INTO v_changed
    FROM unnest(p_kinds, p_names, p_tenants, p_bodies, p_labels) WITH ORDINALITY AS c(kind, name, tenant, body, labels, place)
    LEFT JOIN resource r ON r.kind = c.kind AND r.name = c.name AND r.tenant = c.tenant AND r.newest
    WHERE CASE WHEN r.kind IS NULL OR r.deleted THEN c.body IS NOT NULL
        ELSE c.body IS NULL OR c.body <> r.body OR c.labels::jsonb <> r.labels::jsonb END;
    IF v_changed IS NULL THEN
        RETURN;
    END IF;
    SELECT p.place, CASE WHEN r.deleted THEN 0 ELSE coalesce(r.version, 0) END, CASE WHEN r.deleted THEN '' ELSE r.author END
    INTO place, version, author
    FROM unnest(v_changed) AS p(place)
    LEFT JOIN resource r ON r.kind = p_kinds[p.place] AND r.name = p_names[p.place] AND r.tenant = p_tenants[p.place] AND r.newest
    WHERE p_expected[p.place] IS NOT NULL
        AND p_expected[p.place] <> CASE WHEN r.deleted THEN 0 ELSE coalesce(r.version, 0) END
    ORDER BY p.place LIMIT 1;
    IF place IS NOT NULL THEN
        RETURN;
    END IF;
    revision := revision + 1;
    UPDATE meta m SET value = apply_resources.revision WHERE m.key = 'revision';
    PERFORM put_resource(
        p_kinds[p.place], p_names[p.place], p_tenants[p.place], p_bodies[p.place], p_labels[p.place], revision,
        p_author, p_reason, p_at)
    FROM unnest(v_changed) AS p(place);
    PERFORM tell(0, 'resources', ARRAY[revision::text]);
END $$;

CREATE OR REPLACE FUNCTION put_resource(
    p_kind text, p_name text, p_tenant text, p_body bytea, p_labels text, p_revision bigint,
    p_author text, p_reason text, p_at bigint
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_version bigint;
BEGIN
    UPDATE resource r SET newest = false WHERE r.kind = p_kind AND r.name = p_name AND r.tenant = p_tenant AND r.newest
    RETURNING r.version INTO v_version;
    INSERT INTO resource (kind, name, tenant, version, revision, at, deleted, newest, author, reason, labels, body)
    VALUES (p_kind, p_name, p_tenant, coalesce(v_version, 0) + 1, p_revision, p_at, p_body IS NULL, true, p_author, p_reason,
            p_labels, coalesce(p_body, ''));
END $$;

CREATE OR REPLACE FUNCTION tally_lock(p_key text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT hashtextextended('tally ' || current_schema()::regnamespace::oid || ' ' || p_key, 0)
$$;

-- Count occurrences one after the other; the sums of their keys, in the same order.
CREATE OR REPLACE FUNCTION count_tallies(
    p_keys text[], p_ids text[], p_amounts double precision[], p_windows bigint[], p_nows bigint[]
) RETURNS double precision[] LANGUAGE plpgsql AS $$
DECLARE
    v_sums double precision[] := '{}';
    v_since bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(k.lock) FROM (
        SELECT DISTINCT tally_lock(u.key) AS lock FROM unnest(p_keys) AS u(key) ORDER BY 1
    ) k;
    FOR i IN 1..cardinality(p_keys) LOOP
        v_since := p_nows[i] - p_windows[i];
        DELETE FROM tally t WHERE t.key = p_keys[i] AND t.at <= v_since;
        INSERT INTO tally (key, id, at, until, amount)
        VALUES (p_keys[i], p_ids[i], p_nows[i], p_nows[i] + p_windows[i], p_amounts[i]) ON CONFLICT DO NOTHING;
        v_sums := v_sums || (
            SELECT coalesce(sum(t.amount), 0) FROM tally t WHERE t.key = p_keys[i] AND t.at > v_since);
    END LOOP;
    RETURN v_sums;
END $$;

-- Forget what is older than its window. Returns how much.
CREATE OR REPLACE FUNCTION forget_tallies(p_before bigint, p_limit integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_forgotten bigint;
BEGIN
    DELETE FROM tally t USING (
        SELECT o.key, o.id FROM tally o WHERE o.until < p_before ORDER BY o.until LIMIT p_limit FOR UPDATE SKIP LOCKED
    ) old
    WHERE t.key = old.key AND t.id = old.id;
    GET DIAGNOSTICS v_forgotten = ROW_COUNT;
    RETURN v_forgotten;
END $$;
