#!/bin/sh
# 409 AMOUNT_TOO_PRECISE: USDC has six decimals.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" \
    -H 'Content-Type: application/json' \
    -d '{"tokenIn": "USDC", "tokenOut": "SOL", "amount": "1.0000001"}'
