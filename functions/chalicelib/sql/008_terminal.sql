-- The statuses at which an order's life ends, for every statement; the planner puts the body in the call's place, so
-- it matches the partial indexes of 006.
CREATE FUNCTION is_terminal(status order_status) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN status IN ('confirmed', 'failed');
