-- Where an order rests until its trigger, and two further ends of its life. In a file of their own, because a value
-- can't be used by the transaction that adds it.
ALTER TYPE order_status ADD VALUE 'open' BEFORE 'pending';  -- → pending, cancelled, expired
ALTER TYPE order_status ADD VALUE 'cancelled';              -- terminal
ALTER TYPE order_status ADD VALUE 'expired';                -- terminal
