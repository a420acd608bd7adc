-- Snipers: orders that rest until a pool of a token opens that is not launched yet. `token_out` is its mint.
--
-- What such an order's price comes to is known once the token has decimals, and follows from them. So its floor is not
-- stored, and `floor_out` holds what else it asks for: the least that a pool must hold, in base units of token_in.
ALTER TABLE orders
    DROP CONSTRAINT orders_type_check,
    -- Wider than the one before, so what is there need not be read again.
    ADD CONSTRAINT orders_type_check CHECK (type IN ('market', 'limit', 'stop', 'sniper')) NOT VALID;

-- Pools of new tokens, as detectors report them, each once.
CREATE TABLE launches (
    pool      text PRIMARY KEY,         -- its address
    venue     text NOT NULL,
    mint      text NOT NULL,
    symbol    text NOT NULL,            -- what its maker calls the token: not unique
    decimals  smallint NOT NULL CHECK (decimals >= 0),
    against   text NOT NULL,            -- the token it is traded for, as in `orders`
    liquidity numeric(20, 0) NOT NULL,  -- that the pool holds of `against` when it opens, in base units
    opens_at  timestamptz NOT NULL
);

CREATE INDEX launches_of ON launches (mint);
CREATE INDEX launches_newest ON launches (opens_at);
