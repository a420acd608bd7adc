-- Orders and the events of their lives. An order's row is where it is now; its events are how it got there.

CREATE TYPE order_status AS ENUM (
    'pending',    -- → routing
    'routing',    -- → building
    'building',   -- → submitted
    'submitted',  -- → confirmed
    'confirmed',  -- terminal
    'failed'      -- terminal; from any of the others, which may also go back to pending for another attempt
);

CREATE TABLE orders (
    id            uuid PRIMARY KEY,
    token_in      text NOT NULL,             -- symbol
    token_out     text NOT NULL,             -- symbol
    amount_in     numeric(20, 0) NOT NULL CHECK (amount_in > 0),  -- base units of token_in
    slippage_bps  integer NOT NULL CHECK (slippage_bps BETWEEN 1 AND 5000),
    status        order_status NOT NULL DEFAULT 'pending',
    attempt       integer NOT NULL DEFAULT 1,
    seq           integer NOT NULL DEFAULT 1, -- of the last event
    created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),

    -- who works on it
    fence         bigint NOT NULL DEFAULT 0,  -- grows with each claim: only the last may move the order
    lease_until   timestamptz,                -- NULL: no worker holds it
    due_at        timestamptz NOT NULL DEFAULT clock_timestamp(),  -- when it should be worked on next

    -- what was signed for it, kept before it is sent
    signature               text,
    transaction             bytea,
    last_valid_block_height bigint,

    -- what came of it, in base units of token_out
    dex           text,
    quoted_out    numeric(20, 0),
    minimum_out   numeric(20, 0),
    amount_out    numeric(20, 0),
    tx_hash       text,
    error         text,
    code          text
);

CREATE INDEX orders_newest ON orders (created_at DESC, id DESC);
CREATE INDEX orders_newest_by_status ON orders (status, created_at DESC, id DESC);
CREATE INDEX orders_due ON orders (due_at) WHERE status NOT IN ('confirmed', 'failed');

CREATE TABLE order_events (
    order_id  uuid NOT NULL REFERENCES orders (id),
    seq       integer NOT NULL,
    status    order_status NOT NULL,
    attempt   integer NOT NULL,
    at        timestamptz NOT NULL,
    detail    json NOT NULL,
    PRIMARY KEY (order_id, seq)
);
