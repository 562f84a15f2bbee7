-- Usage, charges, and shares of budgets.
--
-- Locks: whoever grants shares of a window holds that window's advisory lock until its grants are committed; that, and
-- nothing else, keeps grants of one window in a row. Rows of share belong to one session each and are always written in
-- the order of (budget, window).

-- The lock of the usage table's end, see usage_end().
CREATE OR REPLACE FUNCTION usage_lock() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT hashtextextended('usage ' || current_schema()::regnamespace::oid, 0)
$$;

CREATE OR REPLACE FUNCTION window_lock(p_budget text, p_window text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT hashtextextended('window ' || current_schema()::regnamespace::oid || ' ' || p_budget || E'\n' || p_window, 0)
$$;

-- When a window was last used, for compaction: in full hours, rounded up.
CREATE OR REPLACE FUNCTION hour_of(p_now bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT p_now / 3600000 * 3600000 + 3600000
$$;

-- The ledger's part of a batch of commits. p_session 0: of nobody who lives.
CREATE OR REPLACE FUNCTION write_ledger(p_session bigint, p_ledger jsonb, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF p_ledger ? 'usage' THEN
        INSERT INTO usage (at, turn, input, output, cached, written, reasoning, nanos, took_ms, first_ms, attempts,
                           agent, path, trace, route, target, vendor, model, outcome, reason, chain, labels)
        SELECT u.* FROM jsonb_to_recordset(p_ledger -> 'usage') AS u(
            at bigint, turn bigint, input bigint, output bigint, cached bigint, written bigint, reasoning bigint,
            nanos bigint, took_ms bigint, first_ms bigint, attempts bigint, agent text, path text, trace text,
            route text, target text, vendor text, model text, outcome text, reason text, chain text[], labels jsonb);
    END IF;
    IF p_ledger ? 'charges' THEN
        INSERT INTO share AS s (budget, "window", session, touched, nanos, tokens, calls)
        SELECT b.id, c."window", p_session, hour_of(p_now), c.nanos, c.tokens, c.calls
        FROM jsonb_to_recordset(p_ledger -> 'charges')
            AS c(budget text, "window" text, nanos bigint, tokens bigint, calls bigint)
        JOIN budget b ON b.name = c.budget
        ORDER BY b.id, c."window"
        ON CONFLICT (budget, "window", session) DO UPDATE SET
            touched = excluded.touched, nanos = s.nanos + excluded.nanos, tokens = s.tokens + excluded.tokens,
            calls = s.calls + excluded.calls,
            held_nanos = greatest(s.held_nanos - greatest(excluded.nanos, 0), 0),
            held_tokens = greatest(s.held_tokens - greatest(excluded.tokens, 0), 0),
            held_calls = greatest(s.held_calls - greatest(excluded.calls, 0), 0);
    END IF;
END $$;

-- The last id of usage below which nothing can appear any more. Ids are given before their transactions commit, so a
-- higher one may be seen before a lower one; whoever writes usage shares a lock from before it takes ids until it has
-- committed, and here nobody holds it. (Its wait is as long as the commits under way.)
CREATE OR REPLACE FUNCTION usage_end() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(usage_lock());
    RETURN coalesce((SELECT max(u.id) FROM usage u), 0);
END $$;

-- Where a window stands: spent by all, held by who lives; the same of one session; how many rows are of ended ones.
CREATE OR REPLACE FUNCTION standing(
    p_budget bigint, p_window text, p_session bigint,
    OUT nanos bigint, OUT tokens bigint, OUT calls bigint,
    OUT held_nanos bigint, OUT held_tokens bigint, OUT held_calls bigint,
    OUT my_nanos bigint, OUT my_tokens bigint, OUT my_calls bigint,
    OUT my_held_nanos bigint, OUT my_held_tokens bigint, OUT my_held_calls bigint, OUT ended bigint
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT coalesce(sum(s.nanos), 0), coalesce(sum(s.tokens), 0), coalesce(sum(s.calls), 0),
        coalesce(sum(s.held_nanos) FILTER (WHERE x.id > 0), 0), coalesce(sum(s.held_tokens) FILTER (WHERE x.id > 0), 0),
        coalesce(sum(s.held_calls) FILTER (WHERE x.id > 0), 0),
        coalesce(max(s.nanos) FILTER (WHERE s.session = p_session), 0),
        coalesce(max(s.tokens) FILTER (WHERE s.session = p_session), 0),
        coalesce(max(s.calls) FILTER (WHERE s.session = p_session), 0),
        coalesce(max(s.held_nanos) FILTER (WHERE s.session = p_session), 0),
        coalesce(max(s.held_tokens) FILTER (WHERE s.session = p_session), 0),
        coalesce(max(s.held_calls) FILTER (WHERE s.session = p_session), 0),
        count(*) FILTER (WHERE x.id IS NULL)
    INTO nanos, tokens, calls, held_nanos, held_tokens, held_calls,
        my_nanos, my_tokens, my_calls, my_held_nanos, my_held_tokens, my_held_calls, ended
    FROM share s LEFT JOIN session x ON x.id = s.session
    WHERE s.budget = p_budget AND s."window" = p_window;
END $$;

-- Grant shares of windows to a session, each wholly by its own rule (see the port). n is what was granted, what is held and
-- what was spent by the session, and what is left for everybody, in nanos, tokens and calls each; a budget that is not
-- there has no row. p_wants and p_leasts have three numbers per window.
CREATE OR REPLACE FUNCTION take_shares(
    p_session bigint, p_budgets text[], p_windows text[], p_wants bigint[], p_leasts bigint[], p_now bigint
) RETURNS TABLE (place bigint, n bigint[]) LANGUAGE plpgsql AS $$
DECLARE
    v record;
    s record;
    v_free bigint[];
    v_grant bigint[];
BEGIN
    PERFORM alive(p_session);
    PERFORM pg_advisory_xact_lock(k.key) FROM (
        SELECT DISTINCT window_lock(u.budget, u."window") AS key
        FROM unnest(p_budgets, p_windows) AS u(budget, "window") ORDER BY 1
    ) k;
    -- Statements of their own from here on, so that they see what the last holders of the locks granted.
    FOR v IN
        SELECT b.id, u."window", u.place, b.nanos, b.tokens, b.calls,
            p_wants[u.place * 3 - 2:u.place * 3] AS want, p_leasts[u.place * 3 - 2:u.place * 3] AS least
        FROM unnest(p_budgets, p_windows) WITH ORDINALITY AS u(budget, "window", place)
        JOIN budget b ON b.name = u.budget
        ORDER BY b.id, u."window", u.place
    LOOP
        s := standing(v.id, v."window", p_session);
        v_free := ARRAY[
            v.nanos - s.nanos - s.held_nanos, v.tokens - s.tokens - s.held_tokens, v.calls - s.calls - s.held_calls];
        v_grant := allot(v_free, v.want, v.least);
        IF v_grant <> '{0,0,0}' THEN
            PERFORM grant_share(v.id, v."window", p_session, v_grant, p_now);
        END IF;
        IF s.ended > 64 THEN
            PERFORM fold_shares(v.id, v."window");
        END IF;
        place := v.place;
        n := v_grant || ARRAY[
            s.my_held_nanos + v_grant[1], s.my_held_tokens + v_grant[2], s.my_held_calls + v_grant[3],
            s.my_nanos, s.my_tokens, s.my_calls,
            CASE WHEN v_free[1] < v_grant[1] THEN 0 ELSE v_free[1] - v_grant[1] END,
            CASE WHEN v_free[2] < v_grant[2] THEN 0 ELSE v_free[2] - v_grant[2] END,
            CASE WHEN v_free[3] < v_grant[3] THEN 0 ELSE v_free[3] - v_grant[3] END];
        RETURN NEXT;
    END LOOP;
END $$;

-- What to grant of what is free (NULL: no bound; it may be below zero): up to what is wanted, nothing at all if not the
-- least of each.
CREATE OR REPLACE FUNCTION allot(p_free bigint[], p_want bigint[], p_least bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_grant bigint[] := '{0,0,0}';
BEGIN
    FOR i IN 1..3 LOOP
        IF p_least[i] > greatest(p_free[i], 0) AND p_free[i] IS NOT NULL THEN
            RETURN '{0,0,0}';
        END IF;
        v_grant[i] := greatest(p_want[i], p_least[i], 0);
        IF p_free[i] < v_grant[i] THEN
            v_grant[i] := greatest(p_free[i], 0);
        END IF;
    END LOOP;
    RETURN v_grant;
END $$;

CREATE OR REPLACE FUNCTION grant_share(p_budget bigint, p_window text, p_session bigint, p_grant bigint[], p_now bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO share AS s (budget, "window", session, touched, held_nanos, held_tokens, held_calls)
    VALUES (p_budget, p_window, p_session, hour_of(p_now), p_grant[1], p_grant[2], p_grant[3])
    ON CONFLICT (budget, "window", session) DO UPDATE SET
        touched = excluded.touched, held_nanos = s.held_nanos + excluded.held_nanos,
        held_tokens = s.held_tokens + excluded.held_tokens, held_calls = s.held_calls + excluded.held_calls;
END $$;

-- Make one row of those of ended sessions; the caller holds the window's lock.
CREATE OR REPLACE FUNCTION fold_shares(p_budget bigint, p_window text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH gone AS (
        DELETE FROM share s WHERE s.budget = p_budget AND s."window" = p_window AND s.session > 0
            AND NOT EXISTS (SELECT FROM session x WHERE x.id = s.session)
        RETURNING s.touched, s.nanos, s.tokens, s.calls
    )
    INSERT INTO share AS s (budget, "window", session, touched, nanos, tokens, calls)
    SELECT p_budget, p_window, 0, max(g.touched), sum(g.nanos), sum(g.tokens), sum(g.calls) FROM gone g HAVING count(*) > 0
    ON CONFLICT (budget, "window", session) DO UPDATE SET
        touched = greatest(s.touched, excluded.touched), nanos = s.nanos + excluded.nanos,
        tokens = s.tokens + excluded.tokens, calls = s.calls + excluded.calls;
END $$;

-- Take off what a session holds. (Not waiting for the disk: what a crash makes of this is a share that is held longer.)
CREATE OR REPLACE FUNCTION give_back(p_session bigint, p_budgets text[], p_windows text[], p_amounts bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL synchronous_commit = off;
    PERFORM FROM share s JOIN budget b ON b.id = s.budget
    JOIN unnest(p_budgets, p_windows) AS u(budget, "window") ON u.budget = b.name AND u."window" = s."window"
    WHERE s.session = p_session ORDER BY s.budget, s."window" FOR NO KEY UPDATE OF s;
    UPDATE share s SET held_nanos = greatest(s.held_nanos - g.nanos, 0), held_tokens = greatest(s.held_tokens - g.tokens, 0),
        held_calls = greatest(s.held_calls - g.calls, 0)
    FROM (
        SELECT b.id, u."window", sum(greatest(p_amounts[u.place * 3 - 2], 0)) AS nanos,
            sum(greatest(p_amounts[u.place * 3 - 1], 0)) AS tokens, sum(greatest(p_amounts[u.place * 3], 0)) AS calls
        FROM unnest(p_budgets, p_windows) WITH ORDINALITY AS u(budget, "window", place) JOIN budget b ON b.name = u.budget
        GROUP BY b.id, u."window"
    ) g
    WHERE s.budget = g.id AND s."window" = g."window" AND s.session = p_session;
END $$;

-- Forget windows that nobody used since p_before and of which nobody who lives holds anything, but for those of budgets
-- that are for ever. Returns how many.
CREATE OR REPLACE FUNCTION forget_windows(p_before bigint, p_limit integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v record;
    v_forgotten bigint := 0;
BEGIN
    FOR v IN
        SELECT DISTINCT t.budget, t.name, t."window" FROM (
            SELECT s.budget, b.name, s."window" FROM share s LEFT JOIN budget b ON b.id = s.budget
            WHERE s.touched < p_before AND b.per IS DISTINCT FROM 'ever' AND NOT in_use(s.budget, s."window", p_before)
            ORDER BY s.touched LIMIT p_limit
        ) t
        ORDER BY 1, 3
    LOOP
        IF v.name IS NULL OR pg_try_advisory_xact_lock(window_lock(v.name, v."window")) THEN
            DELETE FROM share s WHERE s.budget = v.budget AND s."window" = v."window"
                AND NOT in_use(v.budget, v."window", p_before);
            v_forgotten := v_forgotten + FOUND::integer;
        END IF;
    END LOOP;
    RETURN v_forgotten;
END $$;

CREATE OR REPLACE FUNCTION in_use(p_budget bigint, p_window text, p_before bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM share s LEFT JOIN session x ON x.id = s.session
        WHERE s.budget = p_budget AND s."window" = p_window AND (
            s.touched >= p_before OR x.id IS NOT NULL AND (s.held_nanos > 0 OR s.held_tokens > 0 OR s.held_calls > 0)));
END $$;
