#!/bin/sh
# 409 AMOUNT_TOO_PRECISE: USDC has six decimals.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -H 'Content-Type: application/json' \
    -d '{"tokenIn": "USDC", "tokenOut": "SOL", "amount": "1.0000001"}'
