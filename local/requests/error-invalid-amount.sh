#!/bin/sh
# 400 INVALID_AMOUNT: nothing is sold.
curl -sSi "${ENGINE_URL:-http://127.0.0.1:3000}/api/orders/execute" ${ENGINE_API_KEY:+-H "Authorization: Bearer $ENGINE_API_KEY"} \
    -H 'Content-Type: application/json' \
    -d '{"tokenIn": "SOL", "tokenOut": "USDC", "amount": 0}'
