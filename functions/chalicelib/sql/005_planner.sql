-- Every statement is an index look-up, and stays one. A plan that was made while a table was small may read it
-- whole, hash it, or sort what an index gives in order; a session that keeps such a plan (a generic one of a prepared statement, or a foreign key's)
-- would use it still when the table has grown, for as long as the session lives, and nothing promises that
-- statistics come in time. Generic plans from the first use on: the statements are shaped for one plan, so it is
-- not made again at each call. Given to the role's sessions by the server, for the reason in 004.
DO $$
BEGIN
    EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET enable_seqscan = off', current_database());
    EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET enable_hashjoin = off', current_database());
    EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET enable_mergejoin = off', current_database());
    EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET enable_bitmapscan = off', current_database());
    EXECUTE format(
        'ALTER ROLE CURRENT_USER IN DATABASE %I SET plan_cache_mode = force_generic_plan', current_database());
END
$$;

-- One index for every list of orders: without a status, the newest of each status are merged. An index over all
-- orders would have to be written at each transition, too.
DROP INDEX orders_newest;
