-- The engine's statements. Each takes its rows as one JSON array, so it serves one order or a hundred alike. Those
-- that change many orders lock them by id first, so that no two of them ever wait for each other.

-- name: create_orders
-- Gives back the orders it created. The others were too many for their client, or came under a key that is taken.
WITH given AS (
    SELECT *, row_number() OVER (PARTITION BY client) AS nth FROM json_to_recordset(%(rows)s::json) AS item (
        id uuid, token_in text, token_out text, amount_in numeric, slippage_bps integer, detail json, client text,
        client_order_id text, key text, fingerprint text
    )
), busy AS (
    SELECT client, count(*) AS outstanding FROM orders
    WHERE client IN (SELECT client FROM given) AND status NOT IN ('confirmed', 'failed')
    GROUP BY client
), admitted AS (
    SELECT given.* FROM given LEFT JOIN busy USING (client)
    WHERE coalesce(outstanding, 0) + nth <= %(max_outstanding)s
), keyed AS (
    INSERT INTO idempotency_keys (key, order_id, fingerprint, expires_at)
    SELECT DISTINCT ON (key) key, id, fingerprint, clock_timestamp() + %(key_ttl_s)s * interval '1 s'
    FROM admitted WHERE key IS NOT NULL ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
        order_id = excluded.order_id, fingerprint = excluded.fingerprint, expires_at = excluded.expires_at,
        replayed = false
    WHERE idempotency_keys.expires_at < clock_timestamp()
    RETURNING order_id
), created AS (
    INSERT INTO orders (id, token_in, token_out, amount_in, slippage_bps, client, client_order_id)
    SELECT id, token_in, token_out, amount_in, slippage_bps, client, client_order_id
    FROM admitted WHERE key IS NULL OR id IN (SELECT order_id FROM keyed)
    RETURNING id, seq, status, attempt, created_at
)
INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
SELECT created.id, seq, status, attempt, created_at, detail FROM created JOIN given USING (id)
RETURNING *;

-- name: find_keys
-- Who asks tells a client of the order, so from then on it can't be withdrawn.
UPDATE idempotency_keys SET replayed = true
FROM json_to_recordset(%(rows)s::json) AS given (key text), orders
WHERE idempotency_keys.key = given.key AND orders.id = order_id AND expires_at >= clock_timestamp()
RETURNING idempotency_keys.key, fingerprint, orders.*;

-- name: forget_expired_keys
-- And the withdrawn orders of which no message can be left: no queue keeps one longer than a fortnight.
WITH forgotten AS (
    DELETE FROM withdrawn_orders WHERE withdrawn_at < clock_timestamp() - interval '14 days'
)
DELETE FROM idempotency_keys WHERE key IN (
    SELECT key FROM idempotency_keys WHERE expires_at < clock_timestamp() LIMIT 10000 FOR UPDATE SKIP LOCKED
);

-- name: withdraw_orders
-- Only what no worker has seen, nor another submit under its key.
WITH given AS (
    SELECT * FROM json_to_recordset(%(rows)s::json) AS item (id uuid)
), keyed AS (
    SELECT order_id, replayed FROM idempotency_keys JOIN given ON order_id = id FOR UPDATE OF idempotency_keys
), unseen AS (
    SELECT id FROM orders JOIN given USING (id)
    WHERE status = 'pending' AND fence = 0 AND id NOT IN (SELECT order_id FROM keyed WHERE replayed)
    FOR UPDATE OF orders
), untold AS (
    DELETE FROM order_events WHERE order_id IN (SELECT id FROM unseen)
), remembered AS (
    INSERT INTO withdrawn_orders (order_id) SELECT id FROM unseen
)
DELETE FROM orders WHERE id IN (SELECT id FROM unseen) RETURNING id;

-- name: find_withdrawn
SELECT order_id FROM withdrawn_orders JOIN json_to_recordset(%(rows)s::json) AS given (order_id uuid) USING (order_id);

-- name: redrive_orders
-- The one way out of `failed`: an operator gives the order a new set of attempts.
WITH given AS (
    SELECT orders.id FROM orders JOIN json_to_recordset(%(rows)s::json) AS item (id uuid) USING (id)
    ORDER BY id FOR UPDATE OF orders
), moved AS (
    UPDATE orders SET
        status = 'pending', attempt = 1, seq = orders.seq + 1, updated_at = clock_timestamp(),
        due_at = clock_timestamp(), redrives = orders.redrives + 1, error = NULL, code = NULL,
        signature = NULL, transaction = NULL, last_valid_block_height = NULL
    FROM given
    WHERE orders.id = given.id AND orders.status = 'failed'
    RETURNING orders.id AS order_id, orders.seq, orders.status, orders.attempt, orders.updated_at AS at,
        json_build_object('redriven', orders.redrives) AS detail
), told AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, detail) SELECT * FROM moved
)
SELECT * FROM moved;

-- name: claim_orders
-- Nobody may hold the order, and it must be alive. A pending one moves on to routing; one that a lost worker left
-- further on stays where it is, and the claim says so (`resumed`). Orders that can't be had come back as they are.
WITH given AS (
    SELECT * FROM json_to_recordset(%(rows)s::json) AS item (id uuid, lease_ms integer)
), found AS (
    SELECT orders.id, orders AS was, lease_ms FROM orders JOIN given USING (id) ORDER BY id FOR UPDATE OF orders
), claimed AS (
    UPDATE orders SET
        status = CASE orders.status WHEN 'pending' THEN 'routing' ELSE orders.status END,
        seq = orders.seq + (orders.status = 'pending')::integer,
        updated_at = clock_timestamp(),
        fence = orders.fence + 1,
        lease_until = clock_timestamp() + lease_ms * interval '1 ms',
        due_at = clock_timestamp() + lease_ms * interval '1 ms'
    FROM found
    WHERE orders.id = found.id
      AND orders.status NOT IN ('confirmed', 'failed')
      AND (orders.lease_until IS NULL OR orders.lease_until < clock_timestamp())
    RETURNING orders.*, (was).status <> 'pending' AS resumed
), told AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
    SELECT id, seq, status, attempt, updated_at, '{}' FROM claimed WHERE NOT resumed
)
SELECT *, true AS claimed, 0 AS held_ms FROM claimed
UNION ALL
SELECT (was).*, false, false, (1000 * extract(epoch FROM (was).lease_until - clock_timestamp()))::integer
FROM found WHERE id NOT IN (SELECT id FROM claimed);

-- name: record_transitions
-- A transition counts only for the last claim's holder and from the statuses that the lifecycle allows.
WITH given AS (
    SELECT item.* FROM orders JOIN json_to_recordset(%(rows)s::json) AS item (
        id uuid, fence bigint, status order_status, sources order_status[], lease_ms integer, retry_in_ms integer,
        detail json, dex text, quoted_out numeric, minimum_out numeric, amount_out numeric, tx_hash text,
        error text, code text
    ) USING (id)
    ORDER BY id FOR UPDATE OF orders
), moved AS (
    UPDATE orders SET
        status = given.status,
        attempt = orders.attempt + (given.retry_in_ms IS NOT NULL)::integer,
        seq = orders.seq + 1,
        updated_at = clock_timestamp(),
        lease_until = CASE WHEN given.lease_ms > 0 THEN clock_timestamp() + given.lease_ms * interval '1 ms' END,
        due_at = clock_timestamp() + coalesce(given.retry_in_ms, given.lease_ms) * interval '1 ms',
        signature = CASE WHEN given.retry_in_ms IS NULL THEN orders.signature END,
        transaction = CASE WHEN given.retry_in_ms IS NULL THEN orders.transaction END,
        last_valid_block_height = CASE WHEN given.retry_in_ms IS NULL THEN orders.last_valid_block_height END,
        dex = coalesce(given.dex, orders.dex),
        quoted_out = coalesce(given.quoted_out, orders.quoted_out),
        minimum_out = coalesce(given.minimum_out, orders.minimum_out),
        amount_out = coalesce(given.amount_out, orders.amount_out),
        tx_hash = coalesce(given.tx_hash, orders.tx_hash),
        error = given.error,
        code = given.code
    FROM given
    WHERE orders.id = given.id AND orders.fence = given.fence AND orders.status = ANY (given.sources)
    RETURNING orders.id AS order_id, orders.seq, orders.status, orders.attempt, orders.updated_at AS at,
        given.detail, orders.fence
), told AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
    SELECT order_id, seq, status, attempt, at, detail FROM moved
)
SELECT * FROM moved;

-- name: keep_transactions
WITH given AS (
    SELECT item.* FROM orders JOIN json_to_recordset(%(rows)s::json)
        AS item (id uuid, fence bigint, signature text, transaction text, last_valid_block_height bigint) USING (id)
    ORDER BY id FOR UPDATE OF orders
)
UPDATE orders SET
    signature = given.signature,
    transaction = decode(given.transaction, 'base64'),
    last_valid_block_height = given.last_valid_block_height
FROM given
WHERE orders.id = given.id AND orders.fence = given.fence AND orders.status NOT IN ('confirmed', 'failed')
RETURNING orders.id AS order_id, orders.fence;

-- name: release_orders
WITH given AS (
    SELECT * FROM json_to_recordset(%(rows)s::json) AS item (id uuid, fence bigint, due_in_ms integer)
)
UPDATE orders SET lease_until = NULL, due_at = clock_timestamp() + given.due_in_ms * interval '1 ms'
FROM given
WHERE orders.id = given.id AND orders.fence = given.fence AND orders.status NOT IN ('confirmed', 'failed')
RETURNING orders.id AS order_id, orders.fence;

-- name: read_orders
SELECT orders.* FROM orders
JOIN json_to_recordset(%(rows)s::json) AS given (id uuid) USING (id);

-- name: newest_orders
SELECT * FROM orders
WHERE (%(status)s::order_status IS NULL OR status = %(status)s::order_status)
  AND (%(at)s::timestamptz IS NULL OR (created_at, id) < (%(at)s::timestamptz, %(id)s::uuid))
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s;

-- name: read_events
SELECT order_events.* FROM order_events
JOIN json_to_recordset(%(rows)s::json) AS given (order_id uuid, after integer) USING (order_id)
WHERE order_events.seq > given.after
ORDER BY order_id, seq;

-- name: last_seqs
SELECT id, seq FROM orders
JOIN json_to_recordset(%(rows)s::json) AS given (id uuid) USING (id);

-- name: take_overdue
-- Committed and never queued, or left by a lost worker, or due again and not delivered. Due anew after `after_ms`,
-- so that two sweeps at once, or the next one, don't give the same order out again.
UPDATE orders SET due_at = clock_timestamp() + %(after_ms)s * interval '1 ms'
WHERE id IN (
    SELECT id FROM orders
    WHERE status NOT IN ('confirmed', 'failed')
      AND due_at < clock_timestamp() - %(after_ms)s * interval '1 ms'
    ORDER BY due_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
RETURNING id;

-- name: ping
SELECT 1 AS answer;
