-- What the wallet offered for a transaction to be taken sooner, beside the network's own fee.
ALTER TABLE sim.transactions
    ADD COLUMN priority_fee bigint NOT NULL DEFAULT 0;  -- lamports
