-- Pools of new tokens, each as it is when it opens. A pool is there from when it is announced, and trades from opens_at.
CREATE TABLE sim.launches (
    pool         text PRIMARY KEY,     -- its address
    venue        text NOT NULL,
    mint         text NOT NULL,
    symbol       text NOT NULL,
    decimals     smallint NOT NULL,
    against      text NOT NULL,        -- symbol of the token that it is traded for
    liquidity    bigint NOT NULL,      -- what it holds of `against`, in base units
    supply       bigint NOT NULL,      -- what it holds of the new token
    announced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    opens_at     timestamptz NOT NULL,
    reported     smallint NOT NULL DEFAULT 0  -- how often the detector has reported it
);

CREATE INDEX launches_of ON sim.launches (mint);
CREATE INDEX launches_unreported ON sim.launches (announced_at) WHERE reported < 2;
