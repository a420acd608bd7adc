-- The simulated chain's statements; see venues/chain.py and venues/faults.py.

-- name: store_transactions
-- Rows: the columns of sim.transactions, with lands_ms (unix) for lands_at, and expires_ms. A signature that is
-- to land already stays as it is; one that was dropped gets another chance. What reaches this statement after
-- its expiry (its sender stood still for a minute) is left out: by then it has been declared dead.
INSERT INTO sim.transactions AS known
    (signature, memo, venue, token_in, token_out, amount_in, minimum_out, last_valid_block_height,
     lands_at, slot, amount_out, error_code)
SELECT DISTINCT ON (signature)
    signature, memo, venue, token_in, token_out, amount_in, minimum_out, last_valid_block_height,
    to_timestamp(lands_ms / 1000.0), slot, amount_out, error_code
FROM jsonb_to_recordset(%(rows)s::jsonb) AS sent (
    signature text, memo text, venue text, token_in text, token_out text, amount_in bigint,
    minimum_out bigint, last_valid_block_height bigint, expires_ms bigint, lands_ms bigint, slot bigint,
    amount_out bigint, error_code text)
WHERE clock_timestamp() < to_timestamp(expires_ms / 1000.0)
ORDER BY signature, lands_ms
ON CONFLICT (signature) DO UPDATE
SET lands_at = excluded.lands_at,
    slot = excluded.slot,
    amount_out = excluded.amount_out,
    error_code = excluded.error_code
WHERE known.lands_at IS NULL;

-- name: landed_transactions
-- Rows: {signature}. now_ms (unix): only what has landed by then.
SELECT known.signature, known.slot, known.amount_out, known.error_code
FROM jsonb_to_recordset(%(rows)s::jsonb) AS asked (signature text)
JOIN sim.transactions AS known ON known.signature = asked.signature
WHERE known.lands_at <= to_timestamp(%(now_ms)s::bigint / 1000.0);

-- name: count_fault
-- Rows: {rule, subject, occasion}. A subject that was left alone for five minutes starts again, so that what
-- was tried with a fault yesterday can be tried again today.
INSERT INTO sim.faults AS known (rule, subject, occasion, met, met_at)
SELECT rule, subject, occasion, 1, now()
FROM jsonb_to_recordset(%(rows)s::jsonb) AS asked (rule text, subject text, occasion text)
ON CONFLICT (rule, subject) DO UPDATE
SET met = CASE
        WHEN known.met_at < now() - interval '5 minutes' THEN 1
        WHEN known.occasion = excluded.occasion THEN known.met
        ELSE known.met + 1
    END,
    occasion = excluded.occasion,
    met_at = now()
RETURNING met;
