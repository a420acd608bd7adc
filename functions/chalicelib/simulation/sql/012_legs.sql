-- A transaction may swap in several pools at once: those of one order land together or not at all.
ALTER TABLE sim.transactions
    ADD COLUMN legs jsonb;  -- [{venue, tokenIn, tokenOut, amountIn, amountOut}]; null: one leg, in the other columns

-- Still one row for each confirmed order, whatever the number of its legs.
CREATE OR REPLACE VIEW sim.swaps AS
SELECT signature, memo, venue, token_in, token_out, amount_in, minimum_out, amount_out, slot, lands_at,
    coalesce(legs, jsonb_build_array(jsonb_build_object(
        'venue', venue, 'tokenIn', token_in, 'tokenOut', token_out, 'amountIn', amount_in, 'amountOut', amount_out
    ))) AS legs
FROM sim.transactions
WHERE amount_out IS NOT NULL AND lands_at <= now();
