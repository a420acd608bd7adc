-- The statements of WORLD=solana: guards.py, switch.py, audit.py.

-- name: reserve_sales
-- Repeated: the same, as what an order sells takes the place of what it sold.
SELECT order_id, reserved, spent
FROM solana.reserve(
    %(order_ids)s::uuid[], %(mints)s::text[], %(amounts)s::bigint[], %(counts_spent)s::boolean
);

-- name: read_halt
SELECT since, reason FROM solana.halt;

-- name: set_halt
-- Repeated: the same, but for the time.
UPDATE solana.halt SET since = CASE WHEN %(halted)s::boolean THEN now() END, reason = %(reason)s;

-- name: add_wallet
-- Repeated: nothing.
INSERT INTO solana.wallets (address) VALUES (%(address)s) ON CONFLICT DO NOTHING;

-- name: read_wallets
SELECT address, audited FROM solana.wallets;

-- name: compare_landed
-- Of orders with a landed transaction: whether each has ended, and whether as this transaction says.
SELECT id, landed.signature, is_terminal(status) AS has_ended,
    status = 'confirmed' AND tx_hash = landed.signature AS is_right
FROM unnest(%(order_ids)s::uuid[], %(signatures)s::text[]) AS landed (order_id, signature)
JOIN orders ON orders.id = landed.order_id;

-- name: set_audited
-- Repeated: the same.
UPDATE solana.wallets SET audited = %(audited)s WHERE address = %(address)s;
