-- What guards the wallet of WORLD=solana: what orders sell, the switch that stops it, and what was audited.
CREATE SCHEMA solana;

CREATE SEQUENCE solana.turns;

-- What each order sells in its newest attempt. Its order's status says whether that is reserved, spent or neither.
CREATE TABLE solana.sales (
    order_id uuid PRIMARY KEY,
    mint     text NOT NULL,
    amount   bigint NOT NULL,       -- base units
    turn     bigint NOT NULL DEFAULT nextval('solana.turns'),  -- which came first: a clock may be set back
    at       timestamptz NOT NULL
);

CREATE INDEX ON solana.sales (mint, at);

-- One row: since when nothing is signed, and why; null while orders are traded.
CREATE TABLE solana.halt (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    since  timestamptz,
    reason text NOT NULL DEFAULT ''
);

INSERT INTO solana.halt DEFAULT VALUES;

-- The wallets that have traded, each with its newest transaction that was compared with its order.
CREATE TABLE solana.wallets (
    address text PRIMARY KEY,
    audited text
);

-- Records what orders are about to sell, and returns what others have before them: `reserved`, by orders in
-- flight, and where `counts_spent` also `spent`, within 24 hours, by those and by confirmed ones.
-- One caller at a time: each sees all that came before it.
CREATE FUNCTION solana.reserve(order_ids uuid[], mints text[], amounts bigint[], counts_spent boolean)
RETURNS TABLE (order_id uuid, reserved numeric, spent numeric)
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7236402);
    INSERT INTO solana.sales AS known (order_id, mint, amount, at)
    SELECT asked.id, asked.mint, asked.amount, clock_timestamp()
    FROM unnest(order_ids, mints, amounts) AS asked (id, mint, amount)
    ON CONFLICT ON CONSTRAINT sales_pkey
    DO UPDATE SET mint = excluded.mint, amount = excluded.amount, turn = excluded.turn, at = excluded.at;
    RETURN QUERY
    SELECT ours.order_id, coalesce(in_flight.amount, 0), coalesce(day.amount, 0)
    FROM solana.sales AS ours
    CROSS JOIN LATERAL (
        SELECT sum(earlier.amount) AS amount
        FROM orders JOIN solana.sales AS earlier ON earlier.order_id = orders.id
        WHERE orders.status IN ('routing', 'building', 'submitted')
          AND earlier.mint = ours.mint AND earlier.turn < ours.turn
    ) AS in_flight
    CROSS JOIN LATERAL (
        SELECT sum(earlier.amount) AS amount
        FROM solana.sales AS earlier JOIN orders ON orders.id = earlier.order_id
        WHERE counts_spent
          AND orders.status IN ('routing', 'building', 'submitted', 'confirmed')
          AND earlier.at > now() - interval '24 hours'
          AND earlier.mint = ours.mint AND earlier.turn < ours.turn
    ) AS day
    WHERE ours.order_id = ANY (order_ids);
END
$$;
