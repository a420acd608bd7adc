-- The simulated world's own memory, apart from the engine's: what a real chain would keep on chain.
CREATE SCHEMA sim;

-- Every transaction that was sent. When it lands and what it gives is decided as it is sent.
CREATE TABLE sim.transactions (
    signature               text PRIMARY KEY,
    memo                    text NOT NULL,      -- the order's id; the chain itself makes nothing of it
    venue                   text NOT NULL,
    token_in                text NOT NULL,
    token_out               text NOT NULL,
    amount_in               bigint NOT NULL,    -- amounts in base units
    minimum_out             bigint NOT NULL,
    last_valid_block_height bigint NOT NULL,
    sent_at                 timestamptz NOT NULL DEFAULT now(),
    lands_at                timestamptz,        -- null: it was dropped or came too late, and will never land
    slot                    bigint,
    amount_out              bigint,             -- null: it failed on chain, or does not land
    error_code              text,
    CHECK ((lands_at IS NULL) = (slot IS NULL)),
    CHECK (num_nonnulls(amount_out, error_code) = num_nonnulls(lands_at))
);

CREATE INDEX ON sim.transactions (memo);

-- The swaps that are on the chain: one for each confirmed order, none for a failed one.
CREATE VIEW sim.swaps AS
SELECT signature, memo, venue, token_in, token_out, amount_in, minimum_out, amount_out, slot, lands_at
FROM sim.transactions
WHERE amount_out IS NOT NULL AND lands_at <= now();

-- How often a rule of SIM_FAULTS that says `times=` has met a subject.
CREATE TABLE sim.faults (
    rule     text NOT NULL,
    subject  text NOT NULL,
    occasion text,              -- the last one; null if it has no name
    met      bigint NOT NULL,
    met_at   timestamptz NOT NULL,
    PRIMARY KEY (rule, subject)
);
