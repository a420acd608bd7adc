-- Orders that leave their slippage to the engine: it is chosen when the route is, and is at most slippage_bps, which is
-- all that the version before takes of it.
ALTER TABLE orders ADD COLUMN slippage_is_auto boolean NOT NULL DEFAULT false;
