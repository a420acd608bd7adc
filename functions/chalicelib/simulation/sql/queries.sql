-- The simulated world's statements; see simulation/chain.py, simulation/faults.py and simulation/launchpad.py.

-- name: store_transactions
-- The columns of sim.transactions, with lands_ms (unix) for lands_at, and expires_ms. A signature that is to land
-- already stays as it is; one that was dropped gets another chance. What reaches this statement after its expiry
-- (its sender stood still for a minute) is left out: by then it has been declared dead.
-- Not waited for until it is on disk: a server that dies loses a transaction that no client knows to have landed, and
-- any commit that says so comes after it in the log, and takes it to disk.
-- Repeated: the same, as a signature that is to land stays as it is.
INSERT INTO sim.transactions AS known
    (signature, memo, venue, token_in, token_out, amount_in, minimum_out, last_valid_block_height,
     lands_at, slot, amount_out, error_code, legs, priority_fee)
SELECT DISTINCT ON (signature)
    signature, memo, venue, token_in, token_out, amount_in, minimum_out, last_valid_block_height,
    to_timestamp(lands_ms / 1000.0), slot, amount_out, error_code, legs::jsonb, priority_fee
FROM unnest(
    %(signature)s::text[], %(memo)s::text[], %(venue)s::text[], %(token_in)s::text[], %(token_out)s::text[],
    %(amount_in)s::bigint[], %(minimum_out)s::bigint[], %(last_valid_block_height)s::bigint[],
    %(expires_ms)s::bigint[], %(lands_ms)s::bigint[], %(slot)s::bigint[], %(amount_out)s::bigint[],
    %(error_code)s::text[], %(legs)s::text[], %(priority_fee)s::bigint[]
) AS sent (
    signature, memo, venue, token_in, token_out, amount_in, minimum_out, last_valid_block_height, expires_ms,
    lands_ms, slot, amount_out, error_code, legs, priority_fee
), set_config('synchronous_commit', 'off', true)
WHERE clock_timestamp() < to_timestamp(expires_ms / 1000.0)
ORDER BY signature, lands_ms
ON CONFLICT (signature) DO UPDATE
SET lands_at = excluded.lands_at,
    slot = excluded.slot,
    amount_out = excluded.amount_out,
    error_code = excluded.error_code,
    legs = excluded.legs
WHERE known.lands_at IS NULL;

-- name: landed_transactions
-- now_ms (unix): only what has landed by then.
SELECT signature, slot, amount_out, error_code, priority_fee
FROM sim.transactions
WHERE signature = ANY (%(signature)s::text[]) AND lands_at <= to_timestamp(%(now_ms)s::bigint / 1000.0);

-- name: count_fault
-- A subject that was left alone for five minutes starts again, so that what was tried with a fault yesterday can be
-- tried again today.
-- Repeated: the occasion is the call's own, or is named by it, so it is counted once.
INSERT INTO sim.faults AS known (rule, subject, occasion, met, met_at)
SELECT rule, subject, occasion, 1, now()
FROM unnest(%(rule)s::text[], %(subject)s::text[], %(occasion)s::text[]) AS asked (rule, subject, occasion)
ON CONFLICT (rule, subject) DO UPDATE
SET met = CASE
        WHEN known.met_at < now() - interval '5 minutes' THEN 1
        WHEN known.occasion = excluded.occasion THEN known.met
        ELSE known.met + 1
    END,
    occasion = excluded.occasion,
    met_at = now()
RETURNING met;

-- name: launch_pools
-- Returns those that are new, or as they were, and so are reported again. A pool that is there with other reserves stays
-- as it is, and is left out.
-- Repeated: the same.
INSERT INTO sim.launches AS known (pool, venue, mint, symbol, decimals, against, liquidity, supply, opens_at)
SELECT pool, venue, mint, symbol, decimals, against, liquidity, supply,
    clock_timestamp() + opens_in_ms * interval '1 ms'
FROM unnest(
    %(pool)s::text[], %(venue)s::text[], %(mint)s::text[], %(symbol)s::text[], %(decimals)s::smallint[],
    %(against)s::text[], %(liquidity)s::bigint[], %(supply)s::bigint[], %(opens_in_ms)s::bigint[]
) AS given (pool, venue, mint, symbol, decimals, against, liquidity, supply, opens_in_ms)
ON CONFLICT (pool) DO UPDATE SET reported = 0
WHERE (known.decimals, known.liquidity, known.supply) = (excluded.decimals, excluded.liquidity, excluded.supply)
RETURNING pool, opens_at;

-- name: pools_of
SELECT pool, venue, mint, symbol, decimals, against, liquidity, supply, opens_at
FROM sim.launches WHERE mint = ANY (%(mint)s::text[]);

-- name: unreported_launches
SELECT pool, venue, mint, symbol, decimals, against, liquidity, supply, opens_at
FROM sim.launches WHERE reported < 2 AND announced_at <= now()
ORDER BY announced_at LIMIT %(limit)s::bigint;

-- name: take_launches
-- Repeated: counts the same report twice, as a detector may.
UPDATE sim.launches SET reported = reported + 1 WHERE pool = ANY (%(pool)s::text[]);
