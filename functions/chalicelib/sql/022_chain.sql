-- One row: the chain that orders settle on. While a transaction is on its way there, no other may take its place.
CREATE TABLE chain (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    name text NOT NULL
);
