-- No statement waits without a limit. The limits are those of the engine's own role in this database, given to each of its
-- sessions by the server: RDS Proxy takes no options from a connection, and one that says SET stays pinned.
-- A session of the same role that needs longer says SET LOCAL.
DO $$
BEGIN
    EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET statement_timeout = ''5s''', current_database());
    EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET lock_timeout = ''4s''', current_database());
END
$$;
