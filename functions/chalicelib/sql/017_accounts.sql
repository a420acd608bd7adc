-- Orders belong to an account, and so do lists and cancels. Those that were stored before accounts are the open one's.
--
-- The version before reads and writes on: what it stores is the open account's, and its lists, which these indexes do
-- not serve, take longer.
ALTER TABLE orders ADD COLUMN account text NOT NULL DEFAULT 'local';

CREATE INDEX orders_of_account_by_status ON orders (status, account, created_at DESC, id DESC);
DROP INDEX orders_newest_by_status;

CREATE INDEX orders_of_account_by_type ON orders (type, status, account, created_at, id)
WHERE status NOT IN ('pending', 'routing', 'building', 'submitted');
DROP INDEX orders_newest_by_type;

-- In a collation of its own, so that the planner does not look for an account's pairs in the first index.
CREATE INDEX orders_of_account_by_pair
ON orders (account COLLATE "C", token_in, token_out, type, status, created_at, id)
WHERE status NOT IN ('pending', 'routing', 'building', 'submitted');
DROP INDEX orders_newest_by_pair;

CREATE INDEX orders_open_of_account ON orders (account) WHERE status = 'open';
DROP INDEX orders_open_of;
