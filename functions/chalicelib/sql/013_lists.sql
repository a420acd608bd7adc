-- Lists of the orders of a type or of a pair, newest first. Each is a merge of short pieces, one for each value that
-- the list takes of the columns before `created_at`: so a page costs the same wherever in the list it is.
--
-- An order that waits or is being worked on is in neither index, which would be written at each of its steps: three
-- quarters of what they cost. A list finds those by their status, and looks through them: they are no more than the
-- backlog.
CREATE INDEX IF NOT EXISTS orders_newest_by_type ON orders (type, status, created_at, id)
WHERE status NOT IN ('pending', 'routing', 'building', 'submitted');

CREATE INDEX IF NOT EXISTS orders_newest_by_pair ON orders (token_in, token_out, type, status, created_at, id)
WHERE status NOT IN ('pending', 'routing', 'building', 'submitted');
