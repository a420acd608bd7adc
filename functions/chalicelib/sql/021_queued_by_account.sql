-- The queue is fair to accounts: that an order was overtaken in it is seen by its own account's orders. So the sweep
-- looks at what waits in the queue account by account.
--
-- The version before reads on: its sweep, which this index does not serve, looks through the backlog.
CREATE INDEX orders_queued_of_account ON orders (account, due_at)
WHERE status NOT IN ('open', 'confirmed', 'failed', 'cancelled', 'expired') AND queued_at IS NOT NULL
  AND (status = 'pending' OR queued_at >= due_at);
DROP INDEX orders_queued;
