-- The engine's statements. Each takes its rows as typed arrays, one for each column, so that one statement serves one
-- order or a hundred, and each row is looked up by an index independent of the statistics. Where ids are given, the
-- status is compared only once the rows are locked: beside the ids, it would let the planner scan a status's index.
--
-- Statements that change many orders lock them in the order of their ids, so that no two deadlock; then, in the order
-- of their clients, the counts in `outstanding_orders`, which every statement updates that creates, ends, redrives or
-- withdraws orders.
--
-- A statement whose reply is lost is run once more, with the same parameters, though it may have been carried out. Each
-- that changes something says beside `Repeated` why that is safe. Columns are named, never `*`: a plan whose result
-- would change its type when a migration adds a column is refused by Postgres for as long as its session lives.

-- name: create_orders
-- Returns the orders that it created. The others exceed their client's limit, or their key already has an order.
-- Repeated: an order's id is its creator's own, so one that is there was created by the first run; its first event is
-- returned, and nothing is counted again. A first run that is still under way is waited for at the id or the key;
-- then the order is in neither part of the result, and the caller asks once more.
WITH given AS (
    SELECT id, account, token_in, token_out, amount_in, slippage_bps, slippage_is_auto, max_price_impact_bps, floor_out,
        type, price, size, expires_at, venues, detail, client, client_order_id, key, fingerprint,
        row_number() OVER (PARTITION BY client) AS nth
    FROM unnest(
        %(ids)s::uuid[], %(accounts)s::text[], %(tokens_in)s::text[], %(tokens_out)s::text[], %(amounts_in)s::numeric[],
        %(slippages_bps)s::integer[], %(slippages_are_auto)s::boolean[], %(max_price_impacts_bps)s::integer[],
        %(floors_out)s::numeric[],
        %(types)s::text[], %(prices)s::numeric[], %(sizes)s::smallint[], %(expiries)s::timestamptz[],
        %(venues)s::text[], %(details)s::text[], %(clients)s::text[], %(client_order_ids)s::text[], %(keys)s::text[],
        %(fingerprints)s::text[]
    ) AS item (
        id, account, token_in, token_out, amount_in, slippage_bps, slippage_is_auto, max_price_impact_bps, floor_out,
        type, price, size, expires_at, venues, detail, client, client_order_id, key, fingerprint
    )
), busy AS (
    SELECT client, sum(orders) AS outstanding FROM outstanding_orders
    WHERE client = ANY (%(clients)s::text[])
    GROUP BY client
), admitted AS (
    SELECT id, account, token_in, token_out, amount_in, slippage_bps, slippage_is_auto, max_price_impact_bps, floor_out,
        type, price, size, expires_at, venues, client, client_order_id, key, fingerprint
    FROM given LEFT JOIN busy USING (client)
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
    INSERT INTO orders (
        id, account, token_in, token_out, amount_in, slippage_bps, slippage_is_auto, max_price_impact_bps, floor_out,
        type, price, size, expires_at, venues, status, client, client_order_id
    )
    SELECT id, account, token_in, token_out, amount_in, slippage_bps, slippage_is_auto, max_price_impact_bps, floor_out,
        type, price, size, expires_at, venues, CASE type WHEN 'market' THEN 'pending' ELSE 'open' END::order_status,
        client, client_order_id
    FROM admitted WHERE key IS NULL OR id IN (SELECT order_id FROM keyed)
    ON CONFLICT (id) DO NOTHING
    RETURNING id, seq, status, attempt, created_at, client
), counted AS (
    INSERT INTO outstanding_orders AS known (client, stripe, orders)
    SELECT client, mod(pg_backend_pid(), 16), count(*) FROM created GROUP BY client ORDER BY client
    ON CONFLICT (client, stripe) DO UPDATE SET orders = known.orders + excluded.orders
), recorded AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
    SELECT created.id, seq, status, attempt, created_at, detail::json FROM created JOIN given USING (id)
    RETURNING order_id, seq, status, attempt, at
)
SELECT order_id, seq, status, attempt, at FROM recorded
UNION ALL
SELECT order_id, seq, status, attempt, at FROM order_events WHERE order_id = ANY (%(ids)s::uuid[]) AND seq = 1;

-- name: find_keys
-- The caller gives the order to a client, so from then on it can't be withdrawn.
-- Repeated: the same.
UPDATE idempotency_keys SET replayed = true
FROM orders
WHERE key = ANY (%(keys)s::text[]) AND idempotency_keys.expires_at >= clock_timestamp() AND orders.id = order_id
RETURNING key, fingerprint, orders.id, orders.token_in, orders.token_out, orders.amount_in, orders.slippage_bps,
    orders.slippage_is_auto, orders.max_price_impact_bps, orders.floor_out, orders.type, orders.price,
    orders.expires_at, orders.venues, orders.status, orders.attempt, orders.seq, orders.created_at, orders.updated_at,
    orders.account, orders.client_order_id, orders.dex,
    orders.quoted_out, orders.minimum_out, orders.amount_out, orders.tx_hash, orders.error, orders.code;

-- name: orders_of_keys
SELECT
    orders.id, orders.token_in, orders.token_out, orders.amount_in, orders.slippage_bps, orders.slippage_is_auto,
    orders.max_price_impact_bps, orders.floor_out, orders.type, orders.price, orders.expires_at, orders.venues,
    orders.status, orders.attempt, orders.seq, orders.created_at, orders.updated_at, orders.account,
    orders.client_order_id, orders.dex, orders.quoted_out, orders.minimum_out, orders.amount_out, orders.tx_hash,
    orders.error, orders.code
FROM idempotency_keys JOIN orders ON orders.id = order_id
WHERE key = ANY (%(keys)s::text[]);

-- name: forget_expired_keys
-- Also deletes withdrawn orders whose message can't be in the queue any more: SQS keeps one for 14 days at most.
-- Repeated: takes those that are left.
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
-- Only orders that no worker has claimed and no other submit was given.
-- Repeated: finds no order; the caller then looks in withdrawn_orders, where the first run has put it.
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
-- The lifecycle's edge failed → pending (operator): the order gets a new set of attempts.
-- The status compared is the locked row's: compared in `orders`, the plan might scan every failed order.
-- Repeated: the order's fence ends in this call's mark (see claim_orders) if no worker has claimed it since; the first
-- run's event is returned.
WITH given AS (
    SELECT id, status, seq, attempt, updated_at, redrives, fence
    FROM orders WHERE id = ANY (%(ids)s::uuid[]) ORDER BY id FOR UPDATE
), moved AS (
    UPDATE orders SET
        status = 'pending', attempt = 1, seq = orders.seq + 1, updated_at = clock_timestamp(),
        due_at = clock_timestamp(), queued_at = NULL, redrives = orders.redrives + 1, error = NULL, code = NULL,
        fence = (orders.fence | 4294967295) + 1 + %(mark)s::bigint,
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
SELECT order_id, seq, status, attempt, at, detail FROM moved
UNION ALL
SELECT id, seq, status, attempt, updated_at, json_build_object('redriven', redrives) FROM given
WHERE status = 'pending' AND fence & 4294967295 = %(mark)s::bigint;

-- name: acknowledge_orders
-- The queue has acknowledged these orders' messages. An order claimed meanwhile already has its queued_at.
-- Repeated: changes nothing.
WITH given AS (
    SELECT id FROM orders WHERE id = ANY (%(ids)s::uuid[]) AND queued_at IS NULL ORDER BY id FOR UPDATE
)
UPDATE orders SET queued_at = clock_timestamp()
FROM given WHERE orders.id = given.id AND orders.queued_at IS NULL;

-- name: claim_orders
-- The lifecycle's edge pending → routing (claim), for an order that is active and not leased, and
-- whose time is not over: a trigger ends that one. An order that a
-- lost worker left further on keeps its status, and its claim is `resumed`. Orders that can't be claimed are returned
-- as they are. The claimer has the order's message, so the order counts as queued, and no later than now: a released
-- order may be claimed early.
--
-- The upper half of a fence counts the claims and redrives of the order. The lower half is the mark of the call, an
-- even number of its own, plus 1 if the claim is resumed.
-- Repeated: an order whose fence has this call's mark was claimed by the first run, and is returned as claimed. It
-- can't have gone further: only the holder of the claim moves it, and that is who asks.
WITH found AS (
    SELECT id, token_in, token_out, amount_in, slippage_bps, slippage_is_auto, max_price_impact_bps, floor_out, type,
        price, expires_at, venues, status, attempt, seq, created_at, updated_at, account, client_order_id, dex,
        quoted_out, minimum_out, amount_out, tx_hash, error, code, fence, signature, transaction,
        last_valid_block_height, lease_until
    FROM orders WHERE id = ANY (%(ids)s::uuid[]) ORDER BY id FOR UPDATE
), claimed AS (
    UPDATE orders SET
        status = CASE orders.status WHEN 'pending' THEN 'routing' ELSE orders.status END,
        seq = orders.seq + (orders.status = 'pending')::integer,
        updated_at = clock_timestamp(),
        fence = (orders.fence | 4294967295) + 1 + %(mark)s::bigint + (orders.status <> 'pending')::integer,
        lease_until = clock_timestamp() + %(lease_ms)s::bigint * interval '1 ms',
        due_at = clock_timestamp() + %(lease_ms)s::bigint * interval '1 ms',
        queued_at = least(orders.queued_at, clock_timestamp())  -- also where it is NULL
    FROM found
    WHERE orders.id = found.id
      AND is_active(orders.status)
      AND NOT (orders.status = 'pending' AND coalesce(orders.expires_at < clock_timestamp(), false))
      AND (orders.lease_until IS NULL OR orders.lease_until < clock_timestamp())
    RETURNING orders.id, orders.token_in, orders.token_out, orders.amount_in, orders.slippage_bps,
        orders.slippage_is_auto, orders.max_price_impact_bps, orders.floor_out, orders.type, orders.price,
        orders.expires_at, orders.venues, orders.status, orders.attempt, orders.seq, orders.created_at,
        orders.updated_at, orders.account, orders.client_order_id, orders.dex, orders.quoted_out, orders.minimum_out,
        orders.amount_out, orders.tx_hash, orders.error, orders.code, orders.fence, orders.signature,
        orders.transaction, orders.last_valid_block_height
), recorded_events AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
    SELECT id, seq, status, attempt, updated_at, '{}' FROM claimed WHERE fence & 1 = 0
)
SELECT id, token_in, token_out, amount_in, slippage_bps, slippage_is_auto, max_price_impact_bps, floor_out, type, price,
    expires_at, venues, status, attempt, seq, created_at, updated_at, account, client_order_id, dex, quoted_out,
    minimum_out, amount_out, tx_hash, error, code, fence, signature, transaction, last_valid_block_height,
    true AS claimed, 0 AS held_ms FROM claimed
UNION ALL
SELECT id, token_in, token_out, amount_in, slippage_bps, slippage_is_auto, max_price_impact_bps, floor_out, type, price,
    expires_at, venues, status, attempt, seq, created_at, updated_at, account, client_order_id, dex, quoted_out,
    minimum_out, amount_out, tx_hash, error, code, fence, signature, transaction, last_valid_block_height,
    is_active(status) AND fence & 4294967294 = %(mark)s::bigint,
    (1000 * extract(epoch FROM lease_until - clock_timestamp()))::integer
FROM found WHERE id NOT IN (SELECT id FROM claimed);

-- name: record_transitions
-- The lifecycle's edges of a worker: only under the last claim's fence, and only from the statuses in `sources` (each
-- an array as text). The signed transaction comes with the transition to `building`; a retry clears it, and so
-- does a limit that rests again.
-- Repeated: a claim's holder takes each step once, so an order that has the step's status and seq under the holder's
-- own fence was moved by the first run, and its event is returned. One that was claimed since has another fence, and is
-- as lost to the caller as if it had been claimed before.
WITH given AS (
    SELECT item.id, item.fence, item.status, item.sources, item.lease_ms, item.retry_in_ms, item.detail, item.signature,
        item.transaction, item.last_valid_block_height, item.dex, item.quoted_out, item.minimum_out, item.amount_out,
        item.tx_hash, item.error, item.code, orders.seq, orders.attempt, orders.updated_at,
        orders.fence = item.fence AND orders.status = item.status AND orders.seq = item.seq
            AND item.sources <> '{}' AS is_done
    FROM unnest(
        %(ids)s::uuid[], %(fences)s::bigint[], %(statuses)s::order_status[], %(seqs)s::integer[],
        %(sources)s::text[], %(leases_ms)s::bigint[], %(retries_in_ms)s::bigint[], %(details)s::text[],
        %(signatures)s::text[], %(transactions)s::bytea[], %(last_valid_block_heights)s::bigint[], %(dexes)s::text[],
        %(quoted_outs)s::numeric[], %(minimum_outs)s::numeric[], %(amounts_out)s::numeric[],
        %(tx_hashes)s::text[], %(errors)s::text[], %(codes)s::text[]
    ) AS item (
        id, fence, status, seq, sources, lease_ms, retry_in_ms, detail, signature, transaction, last_valid_block_height,
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
        signature = CASE WHEN given.status NOT IN ('pending', 'open')
            THEN coalesce(given.signature, orders.signature) END,
        transaction = CASE WHEN given.status NOT IN ('pending', 'open')
            THEN coalesce(given.transaction, orders.transaction) END,
        last_valid_block_height = CASE WHEN given.status NOT IN ('pending', 'open')
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
    RETURNING orders.id AS order_id, orders.seq, orders.status, orders.attempt, orders.updated_at AS at, given.detail,
        orders.fence, orders.client
), recorded_events AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
    SELECT order_id, seq, status, attempt, at, detail::json FROM moved
), counted AS (
    INSERT INTO outstanding_orders AS known (client, stripe, orders)
    SELECT client, mod(pg_backend_pid(), 16), -count(*) FROM moved
    WHERE is_terminal(status) GROUP BY client ORDER BY client
    ON CONFLICT (client, stripe) DO UPDATE SET orders = known.orders + excluded.orders
)
SELECT order_id, fence, seq, status, attempt, at FROM moved
UNION ALL
SELECT id, fence, seq, status, attempt, updated_at FROM given WHERE is_done;

-- name: release_orders
-- The message of an undecided order stays in the queue and is delivered again when the order is due. So the order
-- counts as queued from then on: the sweep must not take its worker for lost.
-- Repeated: releases it again, with the delay counted from now, unless it has been claimed since.
UPDATE orders SET
    lease_until = NULL,
    due_at = now() + given.due_in_ms * interval '1 ms',
    queued_at = now() + given.due_in_ms * interval '1 ms'
FROM unnest(%(ids)s::uuid[], %(fences)s::bigint[], %(due_in_ms)s::bigint[]) AS given (id, fence, due_in_ms)
WHERE orders.id = given.id AND orders.fence = given.fence AND NOT is_terminal(orders.status)
RETURNING orders.id AS order_id, orders.fence;

-- name: read_orders
SELECT id, token_in, token_out, amount_in, slippage_bps, slippage_is_auto, max_price_impact_bps, floor_out, type, price,
    expires_at, venues, status, attempt, seq, created_at, updated_at, account, client_order_id, dex, quoted_out,
    minimum_out, amount_out, tx_hash, error, code
FROM orders WHERE id = ANY (%(ids)s::uuid[]);

-- name: newest_orders
-- The newest of each status, merged, so that one index serves the lists with and without a status. Without a cursor,
-- `at` and `id` are the highest values.
SELECT page.id, page.token_in, page.token_out, page.amount_in, page.slippage_bps, page.slippage_is_auto,
    page.max_price_impact_bps, page.floor_out, page.type, page.price, page.expires_at, page.venues, page.status,
    page.attempt, page.seq, page.created_at, page.updated_at, page.account, page.client_order_id, page.dex,
    page.quoted_out, page.minimum_out, page.amount_out, page.tx_hash, page.error, page.code
FROM unnest(%(statuses)s::order_status[]) AS asked (status)
CROSS JOIN LATERAL (
    SELECT orders.id, orders.token_in, orders.token_out, orders.amount_in, orders.slippage_bps, orders.slippage_is_auto,
        orders.max_price_impact_bps, orders.floor_out, orders.type, orders.price, orders.expires_at, orders.venues,
        orders.status, orders.attempt, orders.seq, orders.created_at, orders.updated_at, orders.account,
        orders.client_order_id, orders.dex, orders.quoted_out, orders.minimum_out, orders.amount_out, orders.tx_hash,
        orders.error, orders.code
    FROM orders
    WHERE orders.account = %(account)s::text AND orders.status = asked.status
      AND (created_at, id) < (%(at)s::timestamptz, %(id)s::uuid)
      AND created_at >= %(since)s::timestamptz
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s::bigint
) AS page
ORDER BY created_at DESC, id DESC
LIMIT %(limit)s::bigint;

-- name: newest_orders_of_types
-- The same of some types. `idle` are those of the statuses in which no worker has or gets an order: of them the newest
-- of each type are merged, by an index that has these statuses only. Orders of the others are looked through. Rows are
-- compared and sorted whole: compared by `=`, the status would let the planner scan the status's own index.
WITH page AS (
    SELECT found.id, found.created_at
    FROM unnest(%(types)s::text[]) AS asked (type)
    CROSS JOIN unnest(%(idle)s::order_status[]) AS idle (status)
    CROSS JOIN LATERAL (
        SELECT id, created_at FROM orders
        WHERE orders.status NOT IN ('pending', 'routing', 'building', 'submitted')
          AND (type, status, account, created_at, id)
              < (asked.type, idle.status, %(account)s::text, %(at)s::timestamptz, %(id)s::uuid)
          AND (type, status, account, created_at)
              >= (asked.type, idle.status, %(account)s::text, %(since)s::timestamptz)
        ORDER BY type DESC, status DESC, account DESC, created_at DESC, id DESC
        LIMIT %(limit)s::bigint
    ) AS found
    UNION ALL
    SELECT found.id, found.created_at
    FROM unnest(%(busy)s::order_status[]) AS busy (status)
    CROSS JOIN LATERAL (
        SELECT id, created_at FROM orders
        WHERE orders.account = %(account)s::text AND orders.status = busy.status
          AND orders.type = ANY (%(types)s::text[])
          AND (created_at, id) < (%(at)s::timestamptz, %(id)s::uuid) AND created_at >= %(since)s::timestamptz
        ORDER BY created_at DESC, id DESC
        LIMIT %(limit)s::bigint
    ) AS found
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s::bigint
)
SELECT orders.id, orders.token_in, orders.token_out, orders.amount_in, orders.slippage_bps, orders.slippage_is_auto,
    orders.max_price_impact_bps, orders.floor_out, orders.type, orders.price, orders.expires_at, orders.venues,
    orders.status, orders.attempt, orders.seq, orders.created_at, orders.updated_at, orders.account,
    orders.client_order_id, orders.dex, orders.quoted_out, orders.minimum_out, orders.amount_out, orders.tx_hash,
    orders.error, orders.code
FROM page JOIN orders USING (id)
ORDER BY orders.created_at DESC, orders.id DESC;

-- name: newest_orders_of_pairs
-- The same where what is sold, or what is bought, or both are named: of each such pair that has orders, found by one
-- look-up each.
WITH RECURSIVE pairs AS (
    SELECT first.token_in, first.token_out FROM (
        SELECT token_in, token_out FROM orders
        WHERE status NOT IN ('pending', 'routing', 'building', 'submitted')
          AND account COLLATE "C" = %(account)s::text
          AND (token_in, token_out) >= (
              coalesce(%(token_in)s::text, ''),
              CASE WHEN %(token_in)s::text IS NULL THEN '' ELSE coalesce(%(token_out)s::text, '') END
          )
        ORDER BY token_in, token_out LIMIT 1
    ) AS first
    WHERE %(token_in)s::text IS NULL OR first.token_in = %(token_in)s::text
    UNION ALL
    SELECT next.token_in, next.token_out
    FROM pairs CROSS JOIN LATERAL (
        SELECT token_in, token_out FROM orders
        WHERE status NOT IN ('pending', 'routing', 'building', 'submitted')
          AND account COLLATE "C" = %(account)s::text
          AND (token_in, token_out) > (pairs.token_in, pairs.token_out)
        ORDER BY token_in, token_out LIMIT 1
    ) AS next
    WHERE %(token_in)s::text IS NULL OR (%(token_out)s::text IS NULL AND next.token_in = %(token_in)s::text)
), page AS (
    SELECT found.id, found.created_at
    FROM pairs
    CROSS JOIN unnest(%(types)s::text[]) AS asked (type)
    CROSS JOIN unnest(%(idle)s::order_status[]) AS idle (status)
    CROSS JOIN LATERAL (
        SELECT id, created_at FROM orders
        WHERE orders.status NOT IN ('pending', 'routing', 'building', 'submitted')
          AND (account COLLATE "C", orders.token_in, orders.token_out, type, status, created_at, id)
              < (
                  %(account)s::text, pairs.token_in, pairs.token_out, asked.type, idle.status, %(at)s::timestamptz,
                  %(id)s::uuid
              )
          AND (account COLLATE "C", orders.token_in, orders.token_out, type, status, created_at)
              >= (%(account)s::text, pairs.token_in, pairs.token_out, asked.type, idle.status, %(since)s::timestamptz)
        ORDER BY account COLLATE "C" DESC, orders.token_in DESC, orders.token_out DESC, type DESC, status DESC,
            created_at DESC, id DESC
        LIMIT %(limit)s::bigint
    ) AS found
    WHERE %(token_out)s::text IS NULL OR pairs.token_out = %(token_out)s::text
    UNION ALL
    SELECT found.id, found.created_at
    FROM unnest(%(busy)s::order_status[]) AS busy (status)
    CROSS JOIN LATERAL (
        SELECT id, created_at FROM orders
        WHERE orders.account = %(account)s::text AND orders.status = busy.status
          AND orders.type = ANY (%(types)s::text[])
          AND (%(token_in)s::text IS NULL OR orders.token_in = %(token_in)s::text)
          AND (%(token_out)s::text IS NULL OR orders.token_out = %(token_out)s::text)
          AND (created_at, id) < (%(at)s::timestamptz, %(id)s::uuid) AND created_at >= %(since)s::timestamptz
        ORDER BY created_at DESC, id DESC
        LIMIT %(limit)s::bigint
    ) AS found
    ORDER BY created_at DESC, id DESC
    LIMIT %(limit)s::bigint
)
SELECT orders.id, orders.token_in, orders.token_out, orders.amount_in, orders.slippage_bps, orders.slippage_is_auto,
    orders.max_price_impact_bps, orders.floor_out, orders.type, orders.price, orders.expires_at, orders.venues,
    orders.status, orders.attempt, orders.seq, orders.created_at, orders.updated_at, orders.account,
    orders.client_order_id, orders.dex, orders.quoted_out, orders.minimum_out, orders.amount_out, orders.tx_hash,
    orders.error, orders.code
FROM page JOIN orders USING (id)
ORDER BY orders.created_at DESC, orders.id DESC;

-- name: read_events
SELECT event.order_id, event.seq, event.status, event.attempt, event.at, event.detail
FROM unnest(%(ids)s::uuid[], %(afters)s::bigint[]) AS given (order_id, after)
CROSS JOIN LATERAL (
    SELECT order_id, seq, status, attempt, at, detail FROM order_events
    WHERE order_events.order_id = given.order_id AND seq > given.after ORDER BY seq
) AS event;

-- name: last_seqs
SELECT id, seq FROM orders WHERE id = ANY (%(ids)s::uuid[]);

-- name: any_queued_overdue
-- Whether any queued order is overdue; only then does the sweep ask whether the queue is drained.
SELECT true AS found FROM queued_accounts WHERE due_at < now() - %(after_ms)s::bigint * interval '1 ms' LIMIT 1;

-- name: take_overdue
-- Orders that have been due for `after_ms` and cannot be in the queue, up to `limit` of each kind:
--   unqueued  never acknowledged, or its worker is lost;
--   queued    acknowledged, but `drained_for_ms` ago no message waited in the queue, so by now a worker has claimed the
--             order or is lost; or it was overtaken: an order of its account that was created `after_ms` or more after
--             this one was due has been claimed. The queue is first in, first out within seconds for each account, so
--             an overtaken order is not in it, however long the backlog. Orders of another account may be served long
--             before. The newest claimed order is the newest that is not pending: one look-up for each status, for
--             each account that has overdue orders.
-- The order is due from now on and to be acknowledged again, so neither the next sweep nor a concurrent one takes it.
-- The lease of a lost worker is cleared.
-- Repeated: those that the first run took are not returned. They are due and unacknowledged, so a sweep takes them
-- `after_ms` later: late, and not lost.
WITH newest AS (
    SELECT waiting.account, max(last.created_at) AS claimed
    FROM queued_accounts AS waiting
    CROSS JOIN unnest('{routing,building,submitted,confirmed,failed}'::order_status[]) AS taken (status)
    LEFT JOIN LATERAL (
        SELECT created_at FROM orders
        WHERE orders.status = taken.status AND orders.account = waiting.account
        ORDER BY created_at DESC LIMIT 1
    ) AS last ON true
    WHERE waiting.due_at < now() - %(after_ms)s::bigint * interval '1 ms'
    GROUP BY waiting.account
), unqueued AS (
    SELECT id, CASE status WHEN 'pending' THEN 'never acknowledged' ELSE 'worker gone' END AS reason
    FROM orders
    WHERE is_active(status)
      AND (queued_at IS NULL OR (status <> 'pending' AND queued_at < due_at))
      AND due_at < now() - %(after_ms)s::bigint * interval '1 ms'
    ORDER BY due_at LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
), queued AS (
    SELECT found.id, CASE WHEN %(drained_for_ms)s::bigint IS NULL THEN 'overtaken' ELSE 'queue drained' END AS reason
    FROM newest CROSS JOIN LATERAL (
        SELECT id FROM orders
        WHERE is_active(status) AND queued_at IS NOT NULL AND (status = 'pending' OR queued_at >= due_at)
          AND orders.account = newest.account
          AND due_at < greatest(newest.claimed, now() - %(drained_for_ms)s::bigint * interval '1 ms')
              - %(after_ms)s::bigint * interval '1 ms'
        ORDER BY due_at LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
    ) AS found
    LIMIT %(limit)s::bigint
), overdue AS (
    SELECT id, reason FROM unqueued UNION ALL SELECT id, reason FROM queued
)
UPDATE orders SET due_at = clock_timestamp(), queued_at = NULL, lease_until = NULL
FROM overdue WHERE orders.id = overdue.id
RETURNING orders.id, reason, orders.account;

-- name: cancel_orders
-- The lifecycle's edges open, pending → cancelled (client), of orders of their accounts. Between a worker's claim, a
-- trigger and this, the row's lock decides.
-- Repeated: finds the order cancelled, which is what its client wanted.
WITH given AS (
    SELECT orders.id, orders.status, orders.account = item.account AS is_theirs
    FROM unnest(%(ids)s::uuid[], %(accounts)s::text[]) AS item (id, account) JOIN orders USING (id)
    ORDER BY id FOR UPDATE OF orders
), moved AS (
    UPDATE orders SET status = 'cancelled', seq = orders.seq + 1, updated_at = clock_timestamp()
    FROM given WHERE orders.id = given.id AND given.is_theirs AND given.status IN ('open', 'pending')
    RETURNING orders.id AS order_id, orders.seq, orders.status, orders.attempt, orders.updated_at AS at,
        '{}'::json AS detail, orders.client, orders.account
), recorded_events AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
    SELECT order_id, seq, status, attempt, at, detail FROM moved
), counted AS (
    INSERT INTO outstanding_orders AS known (client, stripe, orders)
    SELECT client, mod(pg_backend_pid(), 16), -count(*) FROM moved GROUP BY client ORDER BY client
    ON CONFLICT (client, stripe) DO UPDATE SET orders = known.orders + excluded.orders
)
SELECT order_id, account, seq, status, attempt, at, detail FROM moved;

-- name: open_orders_of
-- An account's resting orders, of a pair or of types where they are given.
SELECT id FROM orders
WHERE status = 'open' AND account = %(account)s::text
  AND (%(types)s::text[] IS NULL OR type = ANY (%(types)s::text[]))
  AND (%(token_in)s::text IS NULL OR token_in = %(token_in)s::text)
  AND (%(token_out)s::text IS NULL OR token_out = %(token_out)s::text)
LIMIT %(limit)s::bigint;

-- name: expire_orders
-- The lifecycle's edges open, pending → expired (trigger), for up to `limit` orders whose time is over.
-- Repeated: takes those that are left. A relay's poll delivers the events of those that the first run took.
WITH given AS (
    SELECT id FROM orders
    WHERE status IN ('open', 'pending') AND expires_at IS NOT NULL AND expires_at < now()
    ORDER BY expires_at LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
), moved AS (
    UPDATE orders SET status = 'expired', seq = orders.seq + 1, updated_at = clock_timestamp()
    FROM given WHERE orders.id = given.id
    RETURNING orders.id AS order_id, orders.seq, orders.status, orders.attempt, orders.updated_at AS at, '{}'::json
        AS detail,
        orders.client
), recorded_events AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
    SELECT order_id, seq, status, attempt, at, detail FROM moved
), counted AS (
    INSERT INTO outstanding_orders AS known (client, stripe, orders)
    SELECT client, mod(pg_backend_pid(), 16), -count(*) FROM moved GROUP BY client ORDER BY client
    ON CONFLICT (client, stripe) DO UPDATE SET orders = known.orders + excluded.orders
)
SELECT order_id, seq, status, attempt, at, detail FROM moved;

-- name: take_trigger_lease
-- Takes a lease that is free or whose time is over, and renews the holder's own; no row while another run holds it.
-- Repeated: renews it.
INSERT INTO trigger_leases AS known (shard, holder, expires_at)
VALUES (%(shard)s::smallint, %(holder)s::text, clock_timestamp() + %(lease_ms)s::bigint * interval '1 ms')
ON CONFLICT (shard) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE known.holder = excluded.holder OR known.expires_at < clock_timestamp()
RETURNING shard;

-- name: release_trigger_lease
-- Repeated: another run's lease is left alone.
DELETE FROM trigger_leases WHERE shard = %(shard)s::smallint AND holder = %(holder)s::text;

-- name: open_groups
-- Each pair, type and size that an order rests in: one look-up for each, however many orders it has.
WITH RECURSIVE groups AS (
    (SELECT token_in, token_out, type, size FROM orders
     WHERE status = 'open' AND (token_in, token_out, type, size) > ('', '', '', 0)
     ORDER BY token_in, token_out, type, size LIMIT 1)
    UNION ALL
    SELECT next.token_in, next.token_out, next.type, next.size
    FROM groups CROSS JOIN LATERAL (
        SELECT token_in, token_out, type, size FROM orders
        WHERE status = 'open' AND (token_in, token_out, type, size)
            > (groups.token_in, groups.token_out, groups.type, groups.size)
        ORDER BY token_in, token_out, type, size LIMIT 1
    ) AS next
)
SELECT token_in, token_out, type, size FROM groups;

-- name: orders_at_price
-- Up to `limit` resting orders of each group that may fire at its price: limits at or below it, stops at or above it,
-- and so snipers, if no pool need hold more than is given.
SELECT found.id, found.token_in, found.token_out, found.amount_in, found.slippage_bps, found.slippage_is_auto,
    found.max_price_impact_bps, found.floor_out, found.type, found.price, found.expires_at, found.venues, found.account
FROM unnest(
    %(tokens_in)s::text[], %(tokens_out)s::text[], %(types)s::text[], %(sizes)s::smallint[], %(prices)s::numeric[],
    %(liquidities)s::numeric[]
) AS given (token_in, token_out, type, size, price, liquidity)
CROSS JOIN LATERAL (
    (SELECT id, token_in, token_out, amount_in, slippage_bps, slippage_is_auto, max_price_impact_bps, floor_out, type,
        price, expires_at, venues, account
    FROM orders
    WHERE status = 'open' AND orders.token_in = given.token_in AND orders.token_out = given.token_out
      AND orders.type = given.type AND orders.size = given.size
      AND given.type = 'limit' AND orders.price <= given.price
    ORDER BY orders.price LIMIT %(limit)s::bigint)
    UNION ALL
    (SELECT id, token_in, token_out, amount_in, slippage_bps, slippage_is_auto, max_price_impact_bps, floor_out, type,
        price, expires_at, venues, account
    FROM orders
    WHERE status = 'open' AND orders.token_in = given.token_in AND orders.token_out = given.token_out
      AND orders.type = given.type AND orders.size = given.size
      AND (given.type = 'stop' OR given.type = 'sniper' AND coalesce(orders.floor_out, 0) <= given.liquidity)
      AND orders.price >= given.price
    ORDER BY orders.price DESC LIMIT %(limit)s::bigint)
) AS found;

-- name: fire_orders
-- The lifecycle's edge open → pending (trigger). Of two triggers, a trigger and a cancel, the row's lock lets one
-- move it.
-- Repeated: returns nothing for those that the first run fired. They are due and unacknowledged, so the sweep queues
-- them.
WITH given AS (
    SELECT item.id, item.detail, orders.status
    FROM unnest(%(ids)s::uuid[], %(details)s::text[]) AS item (id, detail) JOIN orders USING (id)
    ORDER BY id FOR UPDATE OF orders
), moved AS (
    UPDATE orders SET
        status = 'pending', seq = orders.seq + 1, updated_at = clock_timestamp(), due_at = clock_timestamp(),
        queued_at = NULL, lease_until = NULL, error = NULL, code = NULL
    FROM given WHERE orders.id = given.id AND given.status = 'open'
      AND NOT coalesce(orders.expires_at < clock_timestamp(), false)
    RETURNING orders.id AS order_id, orders.seq, orders.status, orders.attempt, orders.updated_at AS at, given.detail
), recorded_events AS (
    INSERT INTO order_events (order_id, seq, status, attempt, at, detail)
    SELECT order_id, seq, status, attempt, at, detail::json FROM moved
)
SELECT order_id, seq, status, attempt, at, detail::json AS detail FROM moved;

-- name: add_launches
-- Repeated: changes nothing, as a pool that is there stays as it is.
INSERT INTO launches (pool, venue, mint, symbol, decimals, against, liquidity, opens_at)
SELECT DISTINCT ON (pool) pool, venue, mint, symbol, decimals, against, liquidity, opens_at
FROM unnest(
    %(pools)s::text[], %(venues)s::text[], %(mints)s::text[], %(symbols)s::text[], %(decimals)s::smallint[],
    %(against)s::text[], %(liquidities)s::numeric[], %(opens_at)s::timestamptz[]
) AS reported (pool, venue, mint, symbol, decimals, against, liquidity, opens_at)
ORDER BY pool
ON CONFLICT (pool) DO NOTHING;

-- name: open_launches
SELECT pool, venue, mint, symbol, decimals, against, liquidity, opens_at
FROM launches WHERE mint = ANY (%(mints)s::text[]) AND opens_at <= clock_timestamp()
ORDER BY opens_at;

-- name: newest_launches
SELECT pool, venue, mint, symbol, decimals, against, liquidity, opens_at
FROM launches WHERE opens_at <= now()
ORDER BY opens_at DESC LIMIT %(limit)s::bigint;

-- name: ping
SELECT 1 AS answer;

-- name: add_api_key
-- Repeated: the key is there, with the hash of the first run.
INSERT INTO api_keys (id, account, name, scopes, hash, created_at, expires_at)
VALUES (
    %(id)s::text, %(account)s::text, %(label)s::text, %(scopes)s::text[], decode(%(hash)s::text, 'hex'),
    %(created_at)s::timestamptz, %(expires_at)s::timestamptz
)
ON CONFLICT (id) DO NOTHING;

-- name: read_api_keys
SELECT id, account, name, scopes, hash, created_at, expires_at, revoked_at, last_used_at,
    coalesce(revoked_at <= clock_timestamp(), false) OR coalesce(expires_at <= clock_timestamp(), false) AS is_over,
    coalesce(last_used_at < clock_timestamp() - interval '1 minute', true) AS is_use_stale
FROM api_keys WHERE id = ANY (%(ids)s::text[]);

-- name: list_api_keys
-- Those of an account, or all.
SELECT id, account, name, scopes, hash, created_at, expires_at, revoked_at, last_used_at,
    coalesce(revoked_at <= clock_timestamp(), false) OR coalesce(expires_at <= clock_timestamp(), false) AS is_over,
    false AS is_use_stale
FROM api_keys
WHERE account >= coalesce(%(account)s::text, '') AND (%(account)s::text IS NULL OR account = %(account)s::text)
ORDER BY account, created_at
LIMIT %(limit)s::bigint;

-- name: end_api_key
-- Revokes a key now, or at a moment to come; never later than it would end anyway.
-- Repeated: changes nothing.
UPDATE api_keys SET revoked_at = least(revoked_at, clock_timestamp() + %(in_ms)s::bigint * interval '1 ms')
WHERE id = %(id)s::text
RETURNING id;

-- name: use_api_key
-- Repeated: stores a moment later.
UPDATE api_keys SET last_used_at = clock_timestamp() WHERE id = %(id)s::text;

-- name: count_orders
-- How many orders are in each of these statuses, up to `most`.
SELECT given.status, (
    SELECT count(*) FROM (
        SELECT FROM orders WHERE orders.status = given.status::order_status LIMIT %(most)s::bigint
    ) AS counted
) AS orders
FROM unnest(%(statuses)s::text[]) AS given (status);

-- name: recent_orders
-- Of the newest orders of the last `seconds`: how many are in each status, and how long market orders have taken.
WITH recent AS (
    SELECT status, type, 1000 * extract(epoch FROM updated_at - created_at) AS ms FROM orders
    WHERE created_at > now() - %(seconds)s::bigint * interval '1 s'
    ORDER BY created_at DESC, id DESC LIMIT %(most)s::bigint
)
SELECT status, count(*) AS orders,
    percentile_cont(ARRAY[0.5, 0.9, 0.99]) WITHIN GROUP (ORDER BY ms::float8) FILTER (WHERE type = 'market') AS ms
FROM recent GROUP BY status;

-- name: recent_steps
-- The median time in each status of the newest `timed` confirmed market orders among them.
WITH recent AS (
    SELECT id, status, type, created_at FROM orders
    WHERE created_at > now() - %(seconds)s::bigint * interval '1 s'
    ORDER BY created_at DESC, id DESC LIMIT %(most)s::bigint
), timed AS (
    SELECT id FROM recent WHERE status = 'confirmed' AND type = 'market'
    ORDER BY created_at DESC LIMIT %(timed)s::bigint
), steps AS (
    SELECT event.status, extract(epoch FROM lead(event.at) OVER (PARTITION BY order_id ORDER BY seq) - event.at) AS s
    FROM timed CROSS JOIN LATERAL (
        SELECT order_id, seq, status, at FROM order_events WHERE order_events.order_id = timed.id
    ) AS event
)
SELECT status, percentile_cont(0.5) WITHIN GROUP (ORDER BY 1000 * s::float8) AS ms
FROM steps WHERE s IS NOT NULL GROUP BY status;
