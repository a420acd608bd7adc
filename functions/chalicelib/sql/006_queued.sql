-- What a sweep needs to know of an order: whether it can be in the queue.
ALTER TABLE orders ADD COLUMN queued_at timestamptz;  -- NULL: the queue has not acknowledged its message yet

-- Of the orders that are there already nothing is known: they count as queued, and a claim would have said so, too.
UPDATE orders SET queued_at = clock_timestamp() WHERE status NOT IN ('confirmed', 'failed');

DROP INDEX orders_due;

-- Each order that has not ended is in one of the two. No message of these waits in the queue: it was never
-- acknowledged, or its worker has it. While a worker is at it, it is due in the future.
CREATE INDEX orders_unqueued ON orders (due_at)
WHERE status NOT IN ('confirmed', 'failed')
  AND (queued_at IS NULL OR (status <> 'pending' AND queued_at < due_at));

-- These wait in the queue, or should: the backlog. What a sweep has queued again after its worker was lost waits
-- here as well, until it is claimed.
CREATE INDEX orders_queued ON orders (due_at)
WHERE status NOT IN ('confirmed', 'failed') AND queued_at IS NOT NULL
  AND (status = 'pending' OR queued_at >= due_at);

-- Every transition writes a new version of the row. Room for some of them in its own page means fewer pages touched.
ALTER TABLE orders SET (fillfactor = 60);
