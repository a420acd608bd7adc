-- The queue is fair to accounts: that an order was overtaken in it is seen by its own account's orders. So the sweep
-- looks at what waits in the queue account by account.
--
-- The version before reads on: its sweep, which this index does not serve, looks through the backlog.
CREATE INDEX orders_queued_of_account ON orders (account, due_at)
WHERE status NOT IN ('open', 'confirmed', 'failed', 'cancelled', 'expired') AND queued_at IS NOT NULL
  AND (status = 'pending' OR queued_at >= due_at);
DROP INDEX orders_queued;

-- Each account that has queued orders, and since when the one that is longest due is: one look-up for each account.
CREATE VIEW queued_accounts AS
WITH RECURSIVE waiting AS (
    SELECT first.account, first.due_at FROM (
        SELECT account, due_at FROM orders
        WHERE is_active(status) AND queued_at IS NOT NULL AND (status = 'pending' OR queued_at >= due_at)
          AND account >= ''
        ORDER BY account, due_at LIMIT 1
    ) AS first
    UNION ALL
    SELECT next.account, next.due_at
    FROM waiting CROSS JOIN LATERAL (
        SELECT account, due_at FROM orders
        WHERE is_active(status) AND queued_at IS NOT NULL AND (status = 'pending' OR queued_at >= due_at)
          AND account > waiting.account
        ORDER BY account, due_at LIMIT 1
    ) AS next
)
SELECT account, due_at FROM waiting;
