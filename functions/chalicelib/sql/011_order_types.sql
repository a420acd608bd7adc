-- Orders that wait for a trigger, and those that end by themselves or by their client.
ALTER TABLE orders
    ADD COLUMN type       text NOT NULL DEFAULT 'market' CHECK (type IN ('market', 'limit', 'stop')),
    ADD COLUMN price      numeric CHECK (price > 0),  -- a limit's or a stop's: token_out per token_in
    ADD COLUMN size       smallint NOT NULL DEFAULT 0, -- bits of amount_in: orders of a size share the quotes of a trigger
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN venues     text,                       -- names, separated by commas; NULL: all
    ADD CHECK ((type = 'market') = (price IS NULL));

CREATE OR REPLACE FUNCTION is_terminal(status order_status) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN status IN ('confirmed', 'failed', 'cancelled', 'expired');

-- Whether an order's message is in the queue, or with a worker. The planner puts the body in the call's place, so it
-- matches the indexes below. Not as a list of the statuses that are: it would be a condition for an index of statuses,
-- and the planner would take that one.
CREATE FUNCTION is_active(status order_status) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN status NOT IN ('open', 'confirmed', 'failed', 'cancelled', 'expired');

-- Those of 006, for active orders: a resting order is in no queue.
DROP INDEX orders_unqueued;
CREATE INDEX orders_unqueued ON orders (due_at)
WHERE status NOT IN ('open', 'confirmed', 'failed', 'cancelled', 'expired')
  AND (queued_at IS NULL OR (status <> 'pending' AND queued_at < due_at));

DROP INDEX orders_queued;
CREATE INDEX orders_queued ON orders (due_at)
WHERE status NOT IN ('open', 'confirmed', 'failed', 'cancelled', 'expired') AND queued_at IS NOT NULL
  AND (status = 'pending' OR queued_at >= due_at);

-- What may fire at a price, and what is over. A market order without an expiry is in neither.
CREATE INDEX orders_open ON orders (token_in, token_out, type, size, price) WHERE status = 'open';
CREATE INDEX orders_open_of ON orders (client) WHERE status = 'open';
CREATE INDEX orders_expiring ON orders (expires_at)
WHERE status IN ('open', 'pending') AND expires_at IS NOT NULL;
