CREATE TABLE IF NOT EXISTS orders (
    id              uuid PRIMARY KEY,
    token_in        text NOT NULL,
    token_out       text NOT NULL,
    amount          numeric NOT NULL CHECK (amount > 0),
    status          text NOT NULL DEFAULT 'pending',
    dex             text,
    executed_price  numeric,
    tx_hash         text,
    error           text,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX IF NOT EXISTS orders_created_at ON orders (created_at DESC);

CREATE TABLE IF NOT EXISTS order_events (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id  uuid NOT NULL REFERENCES orders (id),
    status    text NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    detail    jsonb NOT NULL DEFAULT '{}'
);

CREATE INDEX IF NOT EXISTS order_events_order ON order_events (order_id);
