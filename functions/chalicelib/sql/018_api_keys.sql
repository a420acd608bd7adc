-- API keys. What a client sends is not stored, only a hash of it that takes a secret to compute.
CREATE TABLE api_keys (
    id           text PRIMARY KEY,          -- the visible part of a key
    account      text NOT NULL,             -- whose orders it may see and place
    name         text NOT NULL,             -- what its owner calls it
    scopes       text[] NOT NULL,
    hash         bytea NOT NULL,            -- HMAC-SHA256 of the whole key
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz                -- to the minute
);

CREATE INDEX api_keys_of_account ON api_keys (account, created_at);
