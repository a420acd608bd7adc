-- Which run of the triggers watches a shard of the pairs, so that two do not quote the same orders.
CREATE TABLE trigger_leases (
    shard      smallint PRIMARY KEY,
    holder     text NOT NULL,
    expires_at timestamptz NOT NULL    -- of a run that does not renew it, as it was killed
);
