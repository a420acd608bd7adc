-- What an order sets beside slippage, which is measured from a quote that may be bad itself. NULL: it sets no such limit.
ALTER TABLE orders
    ADD COLUMN max_price_impact_bps integer CHECK (max_price_impact_bps BETWEEN 1 AND 10000),
    ADD COLUMN floor_out numeric(20, 0) CHECK (floor_out > 0);  -- base units of token_out
