-- A client that submits again, because it does not know what came of the first time, gets the first order.

CREATE TABLE idempotency_keys (
    key         text PRIMARY KEY,
    order_id    uuid NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    fingerprint text NOT NULL,             -- of the terms: the same key with others is a conflict
    replayed    boolean NOT NULL DEFAULT false,  -- a second submit was given the order, which so has to stay
    expires_at  timestamptz NOT NULL
);

CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
CREATE INDEX idempotency_keys_order ON idempotency_keys (order_id);

-- Orders that were taken back because the queue did not answer. It may have taken the message all the same.
CREATE TABLE withdrawn_orders (
    order_id     uuid PRIMARY KEY,
    withdrawn_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX withdrawn_orders_age ON withdrawn_orders (withdrawn_at);

ALTER TABLE orders
    ADD COLUMN client text NOT NULL DEFAULT '',  -- who submitted it: an API key's id, or an address
    ADD COLUMN client_order_id text,
    ADD COLUMN redrives integer NOT NULL DEFAULT 0;

CREATE INDEX orders_outstanding ON orders (client) WHERE status NOT IN ('confirmed', 'failed');
