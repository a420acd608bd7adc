-- The engine's statements. Each takes its rows as typed arrays, one for each column, so it serves one order or a
-- hundred alike, and looks each row up by an index whatever the statistics say. Where ids are given, the status is
-- looked at only once the rows are locked: beside the ids, it would let an index of a whole status be walked instead.
--
-- Those that change many orders lock them by id first, so that no two of them ever wait for each other; then, in the
-- order of their clients, the counts of `outstanding_orders`, which are kept by whatever creates, ends, redrives or
-- withdraws an order.

-- name: create_orders
-- Gives back the orders it created. The others were too many for their client, or came under a key that is taken.
WITH given AS (
    SELECT *, row_number() OVER (PARTITION BY client) AS nth FROM unnest(
        %(ids)s::uuid[], %(tokens_in)s::text[], %(tokens_out)s::text[], %(amounts_in)s::numeric[],
        %(slippages_bps)s::integer[], %(details)s::text[], %(clients)s::text[], %(keys)s::text[],
        %(fingerprints)s::text[]
    ) AS item (id, token_in, token_out, amount_in, slippage_bps, detail, client, key, fingerprint)
), busy AS (
    SELECT client, sum(orders) AS outstanding FROM outstanding_orders
    WHERE client = ANY (%(clients)s::text[])
    GROUP BY client
), admitted AS (
    SELECT given.* FROM given LEFT JOIN busy USING (client)
    WHERE coalesce(outstanding, 0) + nth <= %(max_outstanding)s::bigint
), keyed AS (
    INSERT INTO idempotency_keys (key, order_id, fingerprint, expires_at)
    SELECT DISTINCT ON (key) key, id, fingerprint, clock_timestamp() + %(key_ttl_s)s::bigint * interval '1 s'
    FROM admitted WHERE key IS NOT NULL ORDER BY key
    ON CONFLICT (key) DO UPDATE SET
        order_id = excluded.order_id, fingerprint = excluded.fingerprint, expires_at = excluded.expires_at,
        replayed = false
    WHERE idempotency_keys.expires_at < clock_timestamp()
    RETURNING order_id
), created AS (
    INSERT INTO orders (id, token_in, token_out, amount_in, slippage_bps, client, client_order_id)
    SELECT id, token_in, token_out, amount_in, slippage_bps, client, key
    FROM admitted WHERE key IS NULL OR id IN (SELECT order_id FROM keyed)
    RETURNING id, seq, status, attempt, created_at, client
), counted AS (
    INSERT INTO outstanding_orders AS known (client, stripe, orders)
    SELECT client, mod(pg_backend_pid(), 16), count(*) FROM created GROUP BY client ORDER BY client
    ON CONFLICT (client, stripe) DO UPDATE SET orders = known.orders + excluded.orders
)
INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
SELECT created.id, seq, status, attempt, created_at, detail::json FROM created JOIN given USING (id)
RETURNING order_id, seq, status, attempt, at;

-- name: find_keys
-- Who asks tells a client of the order, so from then on it can't be withdrawn.
UPDATE idempotency_keys SET replayed = true
FROM orders
WHERE key = ANY (%(keys)s::text[]) AND expires_at >= clock_timestamp() AND orders.id = order_id
RETURNING key, fingerprint, orders.*;

-- name: forget_expired_keys
-- And the withdrawn orders of which no message can be left: no queue keeps one longer than a fortnight.
WITH forgotten AS (
    DELETE FROM withdrawn_orders WHERE order_id = ANY (ARRAY (
        SELECT order_id FROM withdrawn_orders WHERE withdrawn_at < now() - interval '14 days'
        LIMIT 10000 FOR UPDATE SKIP LOCKED
    ))
)
DELETE FROM idempotency_keys WHERE key = ANY (ARRAY (
    SELECT key FROM idempotency_keys WHERE expires_at < now() LIMIT 10000 FOR UPDATE SKIP LOCKED
));

-- name: withdraw_orders
-- Only what no worker has seen, nor another submit under its key.
WITH keyed AS (
    SELECT order_id, replayed FROM idempotency_keys WHERE order_id = ANY (%(ids)s::uuid[])
    ORDER BY order_id FOR UPDATE
), given AS (
    SELECT id, client, status, fence FROM orders WHERE id = ANY (%(ids)s::uuid[]) ORDER BY id FOR UPDATE
), unseen AS (
    SELECT id, client FROM given
    WHERE status = 'pending' AND fence = 0 AND id NOT IN (SELECT order_id FROM keyed WHERE replayed)
), removed_events AS (
    DELETE FROM order_events USING unseen WHERE order_id = unseen.id
), recorded_withdrawals AS (
    INSERT INTO withdrawn_orders (order_id) SELECT id FROM unseen
), counted AS (
    INSERT INTO outstanding_orders AS known (client, stripe, orders)
    SELECT client, mod(pg_backend_pid(), 16), -count(*) FROM unseen GROUP BY client ORDER BY client
    ON CONFLICT (client, stripe) DO UPDATE SET orders = known.orders + excluded.orders
)
DELETE FROM orders USING unseen WHERE orders.id = unseen.id RETURNING orders.id;

-- name: find_withdrawn
SELECT order_id FROM withdrawn_orders WHERE order_id = ANY (%(ids)s::uuid[]);

-- name: redrive_orders
-- The one way out of `failed`: an operator gives the order a new set of attempts.
-- The status is the locked row's: asked of `orders`, it may lead the plan through every order that has failed.
WITH given AS (
    SELECT id, status FROM orders WHERE id = ANY (%(ids)s::uuid[]) ORDER BY id FOR UPDATE
), moved AS (
    UPDATE orders SET
        status = 'pending', attempt = 1, seq = orders.seq + 1, updated_at = clock_timestamp(),
        due_at = clock_timestamp(), queued_at = NULL, redrives = orders.redrives + 1, error = NULL, code = NULL,
        signature = NULL, transaction = NULL, last_valid_block_height = NULL
    FROM given
    WHERE orders.id = given.id AND given.status = 'failed'
    RETURNING orders.id AS order_id, orders.seq, orders.status, orders.attempt, orders.updated_at AS at,
        json_build_object('redriven', orders.redrives) AS detail, orders.client
), recorded_events AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
    SELECT order_id, seq, status, attempt, at, detail FROM moved
), counted AS (
    INSERT INTO outstanding_orders AS known (client, stripe, orders)
    SELECT client, mod(pg_backend_pid(), 16), count(*) FROM moved GROUP BY client ORDER BY client
    ON CONFLICT (client, stripe) DO UPDATE SET orders = known.orders + excluded.orders
)
SELECT * FROM moved;

-- name: acknowledge_orders
-- The queue has their messages. What has been claimed meanwhile says so itself, and is left alone.
WITH given AS (
    SELECT id FROM orders WHERE id = ANY (%(ids)s::uuid[]) AND queued_at IS NULL ORDER BY id FOR UPDATE
)
UPDATE orders SET queued_at = clock_timestamp()
FROM given WHERE orders.id = given.id AND orders.queued_at IS NULL;

-- name: claim_orders
-- Nobody may hold the order, and it must be alive. A pending one moves on to routing; one that a lost worker left
-- further on stays where it is, and the claim says so (`resumed`). Orders that can't be had come back as they are.
-- Whoever claims has the order's message, so it was queued, and by now: a released order may be claimed early.
WITH found AS (
    SELECT id, orders AS was FROM orders WHERE id = ANY (%(ids)s::uuid[]) ORDER BY id FOR UPDATE
), claimed AS (
    UPDATE orders SET
        status = CASE orders.status WHEN 'pending' THEN 'routing' ELSE orders.status END,
        seq = orders.seq + (orders.status = 'pending')::integer,
        updated_at = clock_timestamp(),
        fence = orders.fence + 1,
        lease_until = clock_timestamp() + %(lease_ms)s::bigint * interval '1 ms',
        due_at = clock_timestamp() + %(lease_ms)s::bigint * interval '1 ms',
        queued_at = least(orders.queued_at, clock_timestamp())  -- also where it is NULL
    FROM found
    WHERE orders.id = found.id
      AND orders.status NOT IN ('confirmed', 'failed')
      AND (orders.lease_until IS NULL OR orders.lease_until < clock_timestamp())
    RETURNING orders.*, (was).status <> 'pending' AS resumed
), recorded_events AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
    SELECT id, seq, status, attempt, updated_at, '{}' FROM claimed WHERE NOT resumed
)
SELECT *, true AS claimed, 0 AS held_ms FROM claimed
UNION ALL
SELECT (was).*, false, false, (1000 * extract(epoch FROM (was).lease_until - clock_timestamp()))::integer
FROM found WHERE id NOT IN (SELECT id FROM claimed);

-- name: record_transitions
-- A transition counts only for the last claim's holder and from the statuses that the lifecycle allows (`sources`,
-- each an array as text). What was signed comes with the transition to `building`; a retry forgets it.
WITH given AS (
    SELECT item.* FROM unnest(
        %(ids)s::uuid[], %(fences)s::bigint[], %(statuses)s::order_status[], %(sources)s::text[],
        %(leases_ms)s::bigint[], %(retries_in_ms)s::bigint[], %(details)s::text[], %(signatures)s::text[],
        %(transactions)s::bytea[], %(last_valid_block_heights)s::bigint[], %(dexes)s::text[],
        %(quoted_outs)s::numeric[], %(minimum_outs)s::numeric[], %(amounts_out)s::numeric[],
        %(tx_hashes)s::text[], %(errors)s::text[], %(codes)s::text[]
    ) AS item (
        id, fence, status, sources, lease_ms, retry_in_ms, detail, signature, transaction, last_valid_block_height,
        dex, quoted_out, minimum_out, amount_out, tx_hash, error, code
    )
    JOIN orders USING (id)
    ORDER BY id FOR UPDATE OF orders
), moved AS (
    UPDATE orders SET
        status = given.status,
        attempt = orders.attempt + (given.retry_in_ms IS NOT NULL)::integer,
        seq = orders.seq + 1,
        updated_at = clock_timestamp(),
        lease_until = CASE WHEN given.lease_ms > 0 THEN clock_timestamp() + given.lease_ms * interval '1 ms' END,
        due_at = clock_timestamp() + coalesce(given.retry_in_ms, given.lease_ms) * interval '1 ms',
        signature = CASE WHEN given.retry_in_ms IS NULL
            THEN coalesce(given.signature, orders.signature) END,
        transaction = CASE WHEN given.retry_in_ms IS NULL
            THEN coalesce(given.transaction, orders.transaction) END,
        last_valid_block_height = CASE WHEN given.retry_in_ms IS NULL
            THEN coalesce(given.last_valid_block_height, orders.last_valid_block_height) END,
        dex = coalesce(given.dex, orders.dex),
        quoted_out = coalesce(given.quoted_out, orders.quoted_out),
        minimum_out = coalesce(given.minimum_out, orders.minimum_out),
        amount_out = coalesce(given.amount_out, orders.amount_out),
        tx_hash = coalesce(given.tx_hash, orders.tx_hash),
        error = given.error,
        code = given.code
    FROM given
    WHERE orders.id = given.id AND orders.fence = given.fence
      AND orders.status = ANY (given.sources::order_status[])
    RETURNING orders.id AS order_id, orders.seq, orders.status, orders.attempt, orders.updated_at AS at,
        given.detail, orders.fence, orders.client
), recorded_events AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
    SELECT order_id, seq, status, attempt, at, detail::json FROM moved
), counted AS (
    INSERT INTO outstanding_orders AS known (client, stripe, orders)
    SELECT client, mod(pg_backend_pid(), 16), -count(*) FROM moved
    WHERE status IN ('confirmed', 'failed') GROUP BY client ORDER BY client
    ON CONFLICT (client, stripe) DO UPDATE SET orders = known.orders + excluded.orders
)
SELECT order_id, fence, seq, status, attempt, at FROM moved;

-- name: release_orders
-- The message of an undecided order stays in the queue and comes back when it is due. So the order counts as queued
-- from then on: a worker that let go of it is not one that is gone.
UPDATE orders SET
    lease_until = NULL,
    due_at = now() + given.due_in_ms * interval '1 ms',
    queued_at = now() + given.due_in_ms * interval '1 ms'
FROM unnest(%(ids)s::uuid[], %(fences)s::bigint[], %(due_in_ms)s::bigint[]) AS given (id, fence, due_in_ms)
WHERE orders.id = given.id AND orders.fence = given.fence AND orders.status NOT IN ('confirmed', 'failed')
RETURNING orders.id AS order_id, orders.fence;

-- name: read_orders
SELECT * FROM orders WHERE id = ANY (%(ids)s::uuid[]);

-- name: newest_orders
-- The newest of each status, merged: so one index serves the lists with and without a status. Without a cursor,
-- it is infinity and the highest id.
SELECT page.* FROM unnest(%(statuses)s::order_status[]) AS asked (status)
CROSS JOIN LATERAL (
    SELECT * FROM orders
    WHERE orders.status = asked.status AND (created_at, id) < (%(at)s::timestamptz, %(id)s::uuid)
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s::bigint
) AS page
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s::bigint;

-- name: read_events
SELECT event.* FROM unnest(%(ids)s::uuid[], %(afters)s::bigint[]) AS given (order_id, after)
CROSS JOIN LATERAL (
    SELECT * FROM order_events WHERE order_events.order_id = given.order_id AND seq > given.after ORDER BY seq
) AS event;

-- name: last_seqs
SELECT id, seq FROM orders WHERE id = ANY (%(ids)s::uuid[]);

-- name: any_queued_overdue
-- Whether an order that should be in the queue has been due for long: then it is worth asking the queue.
SELECT true AS found FROM orders
WHERE status NOT IN ('confirmed', 'failed') AND queued_at IS NOT NULL
  AND (status = 'pending' OR queued_at >= due_at)
  AND due_at < now() - %(after_ms)s::bigint * interval '1 ms'
LIMIT 1;

-- name: take_overdue
-- Orders that have been due for `after_ms` and cannot be in the queue, up to `limit` of each kind:
--   unqueued  never acknowledged, or its worker is gone;
--   queued    acknowledged, but `drained_for_ms` ago no message waited in the queue, so by now a worker has claimed the
--             order or is gone; or it was overtaken: an order created `after_ms` or more after this one was due has
--             been claimed already. The queue is first in first out within seconds, so
--             what later orders overtook is not in it, however long the backlog. The newest order that was claimed
--             is the newest that is not pending: one look-up for each status.
-- Due again from now on, which is its new place in the queue, and to be acknowledged anew: neither the next sweep nor
-- one at the same time gives it out again. One whose worker is gone is held by nobody now.
WITH newest AS (
    SELECT max(created_at) AS claimed
    FROM unnest('{routing,building,submitted,confirmed,failed}'::order_status[]) AS taken (status)
    CROSS JOIN LATERAL (
        SELECT created_at FROM orders WHERE orders.status = taken.status ORDER BY created_at DESC LIMIT 1
    ) AS last
), unqueued AS (
    SELECT id, CASE status WHEN 'pending' THEN 'never acknowledged' ELSE 'worker gone' END AS reason
    FROM orders
    WHERE status NOT IN ('confirmed', 'failed')
      AND (queued_at IS NULL OR (status <> 'pending' AND queued_at < due_at))
      AND due_at < now() - %(after_ms)s::bigint * interval '1 ms'
    ORDER BY due_at LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
), queued AS (
    SELECT id, CASE WHEN %(drained_for_ms)s::bigint IS NULL THEN 'overtaken' ELSE 'queue drained' END AS reason
    FROM orders
    WHERE status NOT IN ('confirmed', 'failed') AND queued_at IS NOT NULL
      AND (status = 'pending' OR queued_at >= due_at)
      AND due_at < (
          SELECT greatest(claimed, now() - %(drained_for_ms)s::bigint * interval '1 ms') FROM newest
      ) - %(after_ms)s::bigint * interval '1 ms'
    ORDER BY due_at LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
), overdue AS (
    SELECT * FROM unqueued UNION ALL SELECT * FROM queued
)
UPDATE orders SET due_at = clock_timestamp(), queued_at = NULL, lease_until = NULL
FROM overdue WHERE orders.id = overdue.id
RETURNING orders.id, reason;

-- name: ping
SELECT 1 AS answer;
